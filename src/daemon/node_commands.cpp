// SPDX-License-Identifier: Apache-2.0
// The control socket's commands. What only the VRRP thread knows is asked of it by a snapshot.
#include <algorithm>

#include "daemon/check_figures.hpp"
#include "daemon/node.hpp"

namespace tandem::daemon {
namespace {

std::string kind_of(const config::Check& check) {
  if (check.http) return check.http->tls ? "https" : "http";
  return check.tcp ? "tcp" : "command";
}

std::unexpected<Error> no_router(const std::string& name) {
  return fail("there is no virtual router '" + name + "'");
}

observe::InterfaceView view(const speaker::InterfaceState& state) {
  observe::InterfaceView v;
  v.name = state.config.name;
  v.device = state.placement.device_name;
  v.ifindex = static_cast<std::uint32_t>(state.placement.device);
  for (const auto tag : state.placement.vlan)
    if (tag != 0) v.vlan.push_back(tag);
  v.mac = state.mac;
  if (state.attached) {
    v.xdp_mode = state.xdp.mode == engine::XdpMode::generic ? "generic" : "native";
    v.xdp_way = state.xdp.way == engine::XdpWay::alone ? "alone" : "dispatcher";
  }
  v.up = state.up;
  return v;
}

}  // namespace

void Node::serve() {
  server_->on("events", [this](const nlohmann::json& arguments) -> control::Answer {
    const auto request = control::EventsRequest::from_json(arguments);
    if (!request) return std::unexpected(request.error());
    return events_.document(request->after, request->limit);
  });
  server_->on_async("status", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::StatusRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    with_snapshot([this, done](const Snapshot& snapshot) {
      done(status_document(node_view(snapshot), observe::Now::read()));
    });
  });
  server_->on_async("vrrp", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::VrrpRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    if (request->name && !has_router(*request->name)) return done(no_router(*request->name));
    with_snapshot([this, name = request->name.value_or(""), done](const Snapshot& snapshot) {
      done(vrrp_document(router_views(snapshot, name), observe::Now::read()));
    });
  });
  server_->on_async("failover", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::FailoverRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    fail_over(*request, std::move(done));
  });
  server_->on_async("reload", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::ReloadRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    reload(request->file.value_or(config_file_), std::move(done));
  });
  serve_services();
}

bool Node::has_router(const std::string& name) const {
  return std::ranges::any_of(plan_.routers, [&](const auto& r) { return r.config.name == name; });
}

void Node::with_snapshot(std::function<void(const Snapshot&)> use) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->routers.resize(plan_.routers.size());
  for (std::size_t i = 0; i < plan_.routers.size(); i++)
    snapshot->routers[i].id = plan_.routers[i].id;
  thread_->post(
      [snapshot](speaker::VrrpDriver& driver, MonotonicTime) {
        for (auto& status : snapshot->routers) status = driver.routers().status(status.id);
        snapshot->counters = driver.counters();
      },
      [snapshot, use = std::move(use)] { use(*snapshot); });
}

observe::NodeView Node::node_view(const Snapshot& snapshot) const {
  observe::NodeView node;
  node.name = plan_.config.node.name;
  node.version = TANDEM_VERSION;
  node.engine = plan_.config.node.engine;
  node.config_file = config_file_;
  node.peer_http = plan_.config.node.peer_http;
  node.started = started_;
  for (const auto& state : interfaces_->all()) node.interfaces.push_back(view(state));
  const forward::Counted counted = plane_->counted();
  node.packets = counted.packets;
  node.adverts = {snapshot.counters.adverts_received, snapshot.counters.dropped,
                  node.packets[TD_DROP_ADVERT_RING_FULL]};
  const auto& realtime = thread_->realtime();
  node.vrrp_thread = {realtime.scheduler, realtime.realtime, realtime.memory_locked,
                      snapshot.counters.lateness};
  const auto checks = checker_->statuses();
  for (std::size_t i = 0; i < checks.size(); i++) {
    std::optional<bool> up;
    if (checks[i].state != health::State::unknown) up = checks[i].state == health::State::up;
    node.checks.push_back({checks[i].name, kind_of(plan_.config.checks[i]), up, checks[i].since,
                           checks[i].detail, figures_of(checks[i])});
  }
  node.addresses_restored = addresses_->counters().restored;
  node.send_errors = snapshot.counters.send_errors;
  node.events_lost = snapshot.counters.events_lost;
  node.reloads = reloads_;
  if (snapshot.counters.send_errors > 0)
    node.warnings.push_back(std::to_string(snapshot.counters.send_errors) +
                            " frames could not be sent");
  if (plan_.config.node.engine == "xdp")
    for (auto& trouble : interfaces_->troubles()) node.warnings.push_back(std::move(trouble));
  if (const auto sync = sync_view(); sync && !sync->in_sync())
    node.warnings.push_back(sync->trouble());
  for (auto& trouble : plane_->troubles()) node.warnings.push_back(std::move(trouble));
  for (const auto& loss : counted.losses) {
    node.losses.push_back({loss.place, loss.reason, loss.count});
    if (loss.count > 0) node.warnings.push_back(std::to_string(loss.count) + " " + loss.sentence);
  }
  return node;
}

std::vector<observe::RouterView> Node::router_views(const Snapshot& snapshot,
                                                    const std::string& name) const {
  std::vector<observe::RouterView> views;
  for (std::size_t i = 0; i < snapshot.routers.size(); i++) {
    const auto* r = router(snapshot.routers[i].id);
    if (r == nullptr || (!name.empty() && r->config.name != name)) continue;
    views.push_back({r->config, snapshot.routers[i], explain_priority(r->settings, failing(*r)),
                     peers_->troubles(r->id), lowest_priority(r->settings)});
  }
  return views;
}

void Node::fail_over(const control::FailoverRequest& request, control::Completion done) {
  for (const auto& name : request.names)
    if (!has_router(name)) return done(no_router(name));
  const bool all = request.names.empty();
  std::vector<std::pair<std::string, vrrp::RouterId>> wanted;
  for (const auto& r : plan_.routers)
    if (all || std::ranges::find(request.names, r.config.name) != request.names.end())
      wanted.emplace_back(r.config.name, r.id);
  auto results = std::make_shared<nlohmann::json>(nlohmann::json::array());
  thread_->post(
      [wanted, all, back = request.back, results](speaker::VrrpDriver& driver, MonotonicTime now) {
        for (const auto& [name, id] : wanted) {
          const std::string state = to_string(driver.routers().status(id).state);
          const bool moved = driver.fail_over(id, back, now);
          if (!moved && all) continue;
          const std::string why =
              back ? "it was not handed over" : "it is " + state + ", not Active";
          results->push_back({{"name", name}, {"done", moved}, {"why", moved ? "" : why}});
        }
      },
      [results, done] { done(std::move(*results)); });
}

}  // namespace tandem::daemon
