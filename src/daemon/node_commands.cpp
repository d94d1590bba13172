// SPDX-License-Identifier: Apache-2.0
// The control socket's commands. What only the VRRP thread knows is asked of it by a snapshot.
#include <algorithm>

#include "daemon/node.hpp"

namespace tandem::daemon {
namespace {

std::string text_argument(const nlohmann::json& arguments, const char* key) {
  const auto it = arguments.find(key);
  return it != arguments.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::uint64_t number_argument(const nlohmann::json& arguments, const char* key,
                              std::uint64_t otherwise) {
  const auto it = arguments.find(key);
  return it != arguments.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : otherwise;
}

std::string kind_of(const config::Check& check) {
  if (check.http) return check.http->tls ? "https" : "http";
  return check.tcp ? "tcp" : "command";
}

observe::InterfaceView view(const InterfaceState& state) {
  observe::InterfaceView v;
  v.name = state.config.name;
  v.device = state.placement.device_name;
  v.ifindex = static_cast<std::uint32_t>(state.placement.device);
  for (const auto tag : state.placement.vlan)
    if (tag != 0) v.vlan.push_back(tag);
  v.mac = state.mac;
  if (state.attached)
    v.xdp_mode = state.xdp_mode == engine::XdpMode::generic ? "generic" : "native";
  v.up = state.up;
  return v;
}

}  // namespace

void Node::serve() {
  server_->on("events", [this](const nlohmann::json& arguments) -> control::Answer {
    return events_.document(number_argument(arguments, "after", 0),
                            number_argument(arguments, "limit", 50));
  });
  server_->on_async("status", [this](const nlohmann::json&, control::Completion done) {
    with_snapshot([this, done](const Snapshot& snapshot) { done(status(snapshot)); });
  });
  server_->on_async("vrrp", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto name = text_argument(arguments, "name");
    if (!name.empty() &&
        std::ranges::none_of(plan_.routers, [&](const auto& r) { return r.config.name == name; }))
      return done(fail("there is no virtual router '" + name + "'"));
    with_snapshot([this, name, done](const Snapshot& snapshot) { done(vrrp(snapshot, name)); });
  });
  server_->on_async("failover", [this](const nlohmann::json& arguments, control::Completion done) {
    fail_over(arguments, std::move(done));
  });
  server_->on_async("reload", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto file = text_argument(arguments, "file");
    reload(file.empty() ? config_file_ : file, std::move(done));
  });
}

void Node::with_snapshot(std::function<void(const Snapshot&)> use) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->routers.resize(plan_.routers.size());
  for (std::size_t i = 0; i < plan_.routers.size(); i++)
    snapshot->routers[i].id = plan_.routers[i].id;
  thread_->post(
      [snapshot](VrrpDriver& driver, MonotonicTime) {
        for (auto& status : snapshot->routers) status = driver.routers().status(status.id);
        snapshot->counters = driver.counters();
      },
      [snapshot, use = std::move(use)] { use(*snapshot); });
}

nlohmann::json Node::status(const Snapshot& snapshot) const {
  observe::NodeView node;
  node.name = plan_.config.node.name;
  node.version = TANDEM_VERSION;
  node.engine = plan_.config.node.engine;
  node.config_file = config_file_;
  node.started = started_;
  for (const auto& state : interfaces_->all()) node.interfaces.push_back(view(state));
  node.packets = program_->counters();
  node.adverts = {snapshot.counters.adverts_received, snapshot.counters.dropped,
                  node.packets[TD_DROP_ADVERT_RING]};
  const auto& realtime = thread_->realtime();
  node.vrrp_thread = {realtime.scheduler, realtime.realtime, realtime.memory_locked,
                      snapshot.counters.lateness};
  const auto checks = checker_->statuses();
  for (std::size_t i = 0; i < checks.size(); i++) {
    std::optional<bool> up;
    if (checks[i].state != health::State::unknown) up = checks[i].state == health::State::up;
    node.checks.push_back(
        {checks[i].name, kind_of(plan_.config.checks[i]), up, checks[i].since, checks[i].detail});
  }
  node.addresses_restored = addresses_->counters().restored;
  if (snapshot.counters.send_errors > 0)
    node.warnings.push_back(std::to_string(snapshot.counters.send_errors) +
                            " frames could not be sent");
  return status_document(node, observe::Now::read());
}

nlohmann::json Node::vrrp(const Snapshot& snapshot, const std::string& name) const {
  std::vector<observe::RouterView> views;
  for (std::size_t i = 0; i < snapshot.routers.size(); i++) {
    const auto* r = router(snapshot.routers[i].id);
    if (r == nullptr || (!name.empty() && r->config.name != name)) continue;
    views.push_back({r->config, snapshot.routers[i], explain_priority(r->settings, failing(*r)),
                     peers_->troubles(r->id),
                     r->settings.tracked.empty() ? std::nullopt : lowest_priority(r->settings)});
  }
  return vrrp_document(views, observe::Now::read());
}

void Node::fail_over(const nlohmann::json& arguments, control::Completion done) {
  const bool back = arguments.value("back", false);
  std::vector<std::string> names;
  if (const auto it = arguments.find("names"); it != arguments.end() && it->is_array())
    names = it->get<std::vector<std::string>>();
  std::vector<std::pair<std::string, vrrp::RouterId>> wanted;
  for (const auto& r : plan_.routers)
    if (names.empty() || std::ranges::find(names, r.config.name) != names.end())
      wanted.emplace_back(r.config.name, r.id);
  for (const auto& name : names)
    if (std::ranges::none_of(wanted, [&](const auto& w) { return w.first == name; }))
      return done(fail("there is no virtual router '" + name + "'"));
  auto results = std::make_shared<nlohmann::json>(nlohmann::json::array());
  thread_->post(
      [wanted, back, all = names.empty(), results](VrrpDriver& driver, MonotonicTime now) {
        for (const auto& [name, id] : wanted) {
          const auto state = driver.routers().status(id).state;
          const bool done_it = driver.fail_over(id, back, now);
          if (!done_it && all) continue;
          results->push_back(
              {{"name", name},
               {"done", done_it},
               {"why", done_it ? ""
                       : back  ? "it was not handed over"
                               : std::string("it is ") + to_string(state) + ", not Active"}});
        }
      },
      [results, done] { done(std::move(*results)); });
}

}  // namespace tandem::daemon
