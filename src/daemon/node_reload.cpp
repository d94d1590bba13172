// SPDX-License-Identifier: Apache-2.0
// A new configuration in place of the running one. Only the difference is applied; a file with
// anything wrong in it changes nothing.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "daemon/node.hpp"
#include "daemon/system_check.hpp"

namespace tandem::daemon {
namespace {

flow::SteeredRouter to_steering(const speaker::PlannedRouter& router,
                                const speaker::InterfaceState& interface) {
  flow::SteeredRouter r;
  r.slot = router.id;
  r.ifindex = static_cast<std::uint32_t>(interface.placement.device);
  r.vlan = interface.placement.vlan;
  r.family = router.config.family;
  r.vrid = router.config.vrid;
  r.accept = router.config.accept || router.config.priority == vrrp::kOwnerPriority;
  r.virtual_mac = router.endpoint.virtual_mac;
  r.interface_mac = interface.mac;
  for (const auto& a : router.config.addresses) r.addresses.push_back(a.prefix.address);
  return r;
}

bool forwards(const config::Config& config) {
  return std::ranges::any_of(config.services,
                             [](const auto& s) { return s.forward != config::Forward::local; });
}

std::string lines(const std::vector<config::Problem>& problems, const std::string& file,
                  config::Severity severity) {
  std::string text;
  for (const auto& problem : problems)
    if (problem.severity == severity)
      text += (text.empty() ? "" : "\n") + config::format(problem, file);
  return text;
}

nlohmann::json difference(const speaker::Plan& before, const speaker::Plan& after) {
  nlohmann::json result = {{"added", nlohmann::json::array()},
                           {"removed", nlohmann::json::array()},
                           {"changed", nlohmann::json::array()},
                           {"unchanged", 0},
                           {"warnings", nlohmann::json::array()}};
  int unchanged = 0;
  for (const auto& r : after.routers) {
    const auto* old = before.find(r.id);
    if (old == nullptr)
      result["added"].push_back(r.config.name);
    else if (old->config != r.config)
      result["changed"].push_back(r.config.name);
    else
      unchanged++;
  }
  for (const auto& r : before.routers)
    if (after.find(r.id) == nullptr) result["removed"].push_back(r.config.name);
  result["unchanged"] = unchanged;
  return result;
}

}  // namespace

void Node::reload() {
  reload(running_.file, [](const control::Answer& answer) {
    if (!answer) spdlog::error("reload: {}", answer.error().message);
  });
}

void Node::reload(const std::string& file, control::Completion answer) {
  if (phase_ != Phase::running) return answer(fail("tandemd is stopping"));
  manager_->reloading();
  const control::Completion done = [this, answer = std::move(answer)](control::Answer outcome) {
    reloads_.last_good = outcome.has_value();
    ++(outcome ? reloads_.applied : reloads_.refused);
    manager_->ready();
    manager_->changed();
    answer(std::move(outcome));
  };
  if (auto seen = links_->process(); !seen) spdlog::warn("{}", seen.error().message);
  auto loaded = config::load_file(file);
  if (loaded.good())
    for (auto& problem : check_system(loaded.config, *links_)) loaded.problems.push_back(problem);
  if (!loaded.good()) {
    spdlog::error("reload refused, the running configuration stays");
    return done(fail(lines(loaded.problems, file, config::Severity::error)));
  }
  if (const auto key = speaker::needs_restart(running_.plan.config, loaded.config); !key.empty())
    return done(fail(file + ": " + key + " cannot change while running; restart tandemd"));

  const speaker::Numbers numbers = running_.numbers;
  const std::set<IpAddress> real = real_;
  const speaker::Plan before = running_.plan;
  const auto leave_as_it_was = [&](const Error& error) {
    if (auto back = interfaces_->apply(before.config.interfaces, before.routers, running_.numbers);
        !back)
      spdlog::error("{}", back.error().message);
    interfaces_->let_go();
    if (auto back = services_->stage(before.config); !back)
      spdlog::error("{}", back.error().message);
    services_->commit(*interfaces_);
    running_.numbers = numbers;
    real_ = real;
    done(std::unexpected(error));
  };
  auto plan = speaker::make_plan(loaded.config, running_.numbers);
  if (!plan) {
    running_.numbers = numbers;
    return done(std::unexpected(plan.error()));
  }
  note_real_addresses(loaded.config);
  auto result = difference(running_.plan, *plan);
  for (const auto& problem : loaded.problems)
    result["warnings"].push_back(config::format(problem, file));
  if (auto applied = apply(*plan, before); !applied) return leave_as_it_was(applied.error());
  running_.file = file;
  spdlog::info("reloaded {}: {}", file, result.dump());
  note(observe::NoticeEvent{"reloaded " + file});
  done(std::move(result));
}

// First what may fail. Gates before leases: what is new is steered before the VRRP thread hears of
// it. The gate of what goes is open for as long as it takes to have the kernel remove its
// addresses; then it resigns, and only then does its link go.
Result<void> Node::apply(const speaker::Plan& plan, const speaker::Plan& before) {
  if (auto had = interfaces_->apply(plan.config.interfaces, plan.routers, running_.numbers); !had)
    return had;
  if (plan.config.node.engine == "xdp" && forwards(plan.config)) interfaces_->level_modes();
  if (auto staged = services_->stage(plan.config); !staged) return staged;
  if (auto published = publish(plan); !published) return published;
  running_.plan = plan;
  apply_own_addresses(before);
  for (const auto& old : before.routers)
    if (plan.find(old.id) == nullptr) {
      if (auto removed = addresses_->remove(speaker::router_key(old.config)); !removed)
        spdlog::error("{}: {}", old.config.name, removed.error().message);
      running_.numbers.routers.release(speaker::router_key(old.config));
      thread_->post(
          [id = old.id](speaker::VrrpDriver& d, MonotonicTime now) { d.remove(id, now); });
    }
  for (const auto& old : before.config.interfaces)
    if (std::ranges::find(plan.config.interfaces, old.name, &config::Interface::name) ==
        plan.config.interfaces.end())
      running_.numbers.links.release(old.name);
  interfaces_->let_go();
  services_->commit(*interfaces_);
  bool other_addresses = false;
  for (const auto& r : running_.plan.routers) {
    const auto* old = before.find(r.id);
    if (old != nullptr && old->config == r.config) continue;
    thread_->post([r, is_new = old == nullptr](speaker::VrrpDriver& driver, MonotonicTime now) {
      is_new ? driver.add(r.id, r.endpoint, r.settings, now)
             : driver.update(r.id, r.endpoint, r.settings, now);
    });
    other_addresses |= old != nullptr && old->config.addresses != r.config.addresses;
  }
  if (other_addresses) reconcile();
  peers_->apply(running_.plan.routers, *interfaces_);
  tracking_->apply();
  watch_nginx();
  on_links();
  return {};
}

void Node::watch_nginx() {
  const auto& wanted = running_.plan.config.nginx;
  if (nginx_ && wanted && nginx_->config() == *wanted) return;
  nginx_ = wanted ? std::make_unique<NginxWatch>(loop_, *wanted) : nullptr;
}

// Those of interfaces that are here only since a port is the engine's own.
void Node::apply_own_addresses(const speaker::Plan& before) {
  const auto tell = [](const std::string& name, const Result<void>& done) {
    if (!done) spdlog::error("{}: {}", name, done.error().message);
  };
  for (const auto& old : before.config.interfaces)
    if (old.has_own_port() && interfaces_->find(old.name) == nullptr)
      tell(old.name, addresses_->remove(speaker::tracked_interface(old.name)));
  for (const auto& interface : running_.plan.config.interfaces) {
    if (!interface.has_own_port()) continue;
    std::vector<netlink::DeviceAddress> wanted;
    for (const auto& prefix : interface.addresses) wanted.push_back({interface.name, prefix, {}});
    tell(interface.name, addresses_->install(speaker::tracked_interface(interface.name), wanted,
                                             MonotonicClock::now()));
  }
}

Result<void> Node::publish(const speaker::Plan& plan) {
  std::vector<flow::SteeredRouter> routers;
  std::set<IpAddress> virtual_addresses;
  for (const auto& r : plan.routers) {
    routers.push_back(to_steering(r, *interfaces_->find(r.config.interface)));
    for (const auto& address : routers.back().addresses)
      if (!real_.contains(address)) virtual_addresses.insert(address);
  }
  if (auto published = steering_->publish(routers, services_->steered(), services_->replies(),
                                          interfaces_->host());
      !published)
    return published;
  links_->set_virtual_addresses(std::move(virtual_addresses));
  return {};
}

}  // namespace tandem::daemon
