// SPDX-License-Identifier: Apache-2.0
#include "daemon/report.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include "daemon/log.hpp"
#include "daemon/sync_gate.hpp"
#include "observe/router_warnings.hpp"

namespace tandem::daemon {
namespace {

constexpr std::size_t kEvents = 50;  // the newest, in /status

std::string kind_of(const config::Check& check) {
  if (check.http) return check.http->tls ? "https" : "http";
  return check.tcp ? "tcp" : "command";
}

constexpr Duration kRecent = std::chrono::minutes(10);

std::string ms_text(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
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

observe::CheckView view(const health::Status& status, const config::Check& check) {
  std::optional<bool> up;
  if (status.state != health::State::unknown) up = status.state == health::State::up;
  return {status.name, kind_of(check), up, status.since, status.detail, status.figures};
}

}  // namespace

observe::NodeView Report::node(const speaker::Snapshot& snapshot) const {
  return node(snapshot, routers(snapshot, ""));
}

observe::NodeView Report::node(const speaker::Snapshot& snapshot,
                               const std::vector<observe::RouterView>& routers) const {
  const config::Config& config = sources_.running.plan.config;
  observe::NodeView node;
  node.name = config.node.name;
  node.version = TANDEM_VERSION;
  node.engine = config.node.engine;
  node.config_file = sources_.running.file;
  node.peer_http = config.node.peer_http;
  node.started = started_;
  for (const auto& state : sources_.interfaces) node.interfaces.push_back(view(state));
  const forward::Counted counted = sources_.plane.counted();
  node.packets = counted.packets;
  for (const auto& loss : counted.losses)
    node.losses.push_back({loss.place, loss.reason, loss.count});
  node.adverts = {snapshot.counters.adverts_received, snapshot.counters.dropped,
                  node.packets[TD_DROP_ADVERT_RING_FULL]};
  const auto& thread = sources_.vrrp_thread;
  node.vrrp_thread = {thread.scheduler, thread.realtime, thread.memory_locked,
                      snapshot.counters.lateness};
  for (std::size_t i = 0; i < speaker::kStallCauses; i++)
    node.vrrp_thread.stalls.emplace_back(to_string(static_cast<speaker::StallCause>(i)),
                                         sources_.stalls[i]);
  node.control_thread = {snapshot.counters.control_stalls, snapshot.counters.longest_control_stall};
  const auto checks = sources_.tracking.checks();
  for (std::size_t i = 0; i < checks.size(); i++)
    node.checks.push_back(view(checks[i], config.checks[i]));
  for (const auto& device : sources_.plane.unserved()) node.unserved.push_back(device.device);
  node.addresses_restored = sources_.addresses_restored();
  node.send_errors = snapshot.counters.send_errors;
  node.events_lost = snapshot.counters.events_lost;
  node.reloads = sources_.reloads;
  warn(node, snapshot, routers, counted.losses);
  return node;
}

// What the node knows to be wrong.
void Report::warn(observe::NodeView& node, const speaker::Snapshot& snapshot,
                  const std::vector<observe::RouterView>& routers,
                  const std::vector<forward::Loss>& losses) const {
  const auto add = [&](std::vector<std::string> sentences) {
    for (auto& sentence : sentences) node.warnings.push_back(std::move(sentence));
  };
  const auto& counters = snapshot.counters;
  const auto now = observe::Now::read();
  const Duration ago = now.monotonic - counters.control_stalled;
  if (counters.control_stalls > 0 && ago < kRecent)
    add({"the control thread stood still, for " + ms_text(counters.longest_control_stall) +
         " at most, and last " + ms_text(ago) +
         " ago: nothing was taken over meanwhile; look for what it waits for "
         "(troubleshooting.md)"});
  for (const auto& router : routers)
    for (const auto& warning : router_warnings(router, now))
      add({router.config.name + ": " + warning});
  for (const auto& check : node.checks)
    if (check.up == false) add({"check " + check.name + " fails: " + check.last_result});
  if (node.engine == "xdp") add(sources_.interface_troubles());
  const auto sync = services_.sync();
  if (sync && !sync->in_sync()) add({sync->trouble()});
  if (sync && sync->is_behind)
    add(
        {"sync: the other node did not acknowledge new flows within sync.hold, so services with "
         "sync = "
         "\"before-forward\" do not wait for it until it has caught up; look at its load, at the "
         "link, "
         "and at its version"});
  add(sources_.plane.troubles());
  add(sources_.part_troubles());
  if (!node.reloads.last_good)
    add({"the last reload was refused, and the configuration before it still runs: " +
         node.reloads.refusal + "; correct the file and reload"});
  const auto add_loss = [&](std::uint64_t count, const std::string& sentence) {
    if (growing_.look(sentence, count, now.monotonic))
      add({std::to_string(count) + " " + sentence});
  };
  add_loss(
      node.packets[TD_DROP_UNFINISHED],
      "first packets were dropped for a checksum that their sender left for its device to "
      "finish, as containers and virtual machines on the same host do: there, `ethtool -K IF tx "
      "off`");
  add_loss(node.send_errors, "frames could not be sent");
  add_loss(log_lines_lost(), "lines of the log are missing: nobody read it");
  for (const auto& loss : losses) add_loss(loss.count, loss.sentence);
}

std::vector<observe::RouterView> Report::routers(const speaker::Snapshot& snapshot,
                                                 const std::string& name) const {
  std::vector<observe::RouterView> views;
  for (const auto& status : snapshot.routers) {
    const auto* r = sources_.running.plan.find(status.id);
    if (r == nullptr || (!name.empty() && r->config.name != name)) continue;
    views.push_back(
        {r->config, status, explain_priority(r->settings, sources_.tracking.failing(*r)),
         sources_.peer_troubles(r->id), lowest_priority(r->settings), sources_.sockets(r->id)});
    if (status.waits_for_flows)
      views.back().warnings.push_back(
          "takes nothing over from the lower Active, since connections would break: this node does "
          "not have their flows (" +
          SyncGate::missing(*r, sources_.running.plan.config, *services_.sync()) +
          "); `tandemctl sync` tells more, `tandemctl failover " + r->config.name +
          " --back --force` does not wait");
  }
  return views;
}

observe::Overview Report::overview(const speaker::Snapshot& snapshot) const {
  observe::Overview seen;
  seen.now = observe::Now::read();
  seen.routers = routers(snapshot, "");
  seen.node = node(snapshot, seen.routers);
  seen.backends = services_.backends(std::nullopt, std::nullopt);
  seen.services = services_.services(std::nullopt);
  seen.engine = sources_.plane.view();
  seen.sync = services_.sync();
  seen.http = sources_.http();
  seen.nginx = sources_.nginx();
  seen.events = sources_.events.document(0, kEvents);
  return seen;
}

}  // namespace tandem::daemon
