// SPDX-License-Identifier: Apache-2.0
// From an overview to the samples of /metrics.
#include <algorithm>
#include <array>

#include "base/endpoint_text.hpp"
#include "observe/metric_families.hpp"
#include "observe/overview.hpp"

namespace tandem::observe {
namespace {

using enum MetricId;

void add_node(MetricFamilies& to, const NodeView& node) {
  to.add(tandem_build_info,
         {{"node", node.name}, {"version", node.version}, {"engine", node.engine}}, 1);
  to.add(tandem_realtime, node.vrrp_thread.realtime && node.vrrp_thread.memory_locked);
  to.add(tandem_reloads_total, {{"result", "applied"}}, node.reloads.applied);
  to.add(tandem_reloads_total, {{"result", "refused"}}, node.reloads.refused);
  to.add(tandem_reload_good, node.reloads.last_good);
  to.add(tandem_warnings, node.warnings.size());
  for (const InterfaceView& i : node.interfaces)
    to.add(tandem_interface_up, {{"interface", i.name}}, i.up && !i.xdp_mode.empty());
  for (const InterfaceView& i : node.interfaces)
    to.add(tandem_interface_xdp_generic, {{"interface", i.name}}, i.xdp_mode == "generic");
  to.add(tandem_forwarding, node.unserved.empty());
  to.add(tandem_addresses_restored_total, node.addresses_restored);
  to.add(tandem_events_lost_total, node.events_lost);
  for (const auto& [cause, count] : node.vrrp_thread.stalls)
    to.add(tandem_vrrp_stalls_by_cause_total, {{"cause", cause}}, count);
  to.add(tandem_control_stalls_total, node.control_thread.stalls);
}

void add_http(MetricFamilies& to, const HttpView& http) {
  to.add(tandem_http_connections_total, http.connections);
  to.add(tandem_http_connections_evicted_total, http.evicted);
  to.add(tandem_http_requests_total, http.requests);
  to.add(tandem_http_requests_refused_total, http.refused);
}

void add_process(MetricFamilies& to, const ProcessView& process, const Overview& o) {
  to.add(process_cpu_seconds_total, exact_seconds(process.processor));
  to.add(process_resident_memory_bytes, process.memory);
  to.add(process_open_fds, process.open_files);
  to.add(process_max_fds, process.most_files);
  to.add(process_start_time_seconds,
         exact_seconds(o.now.wall_at(o.node.started).time_since_epoch()));
}

// What a peer that has gone said does not stay true.
constexpr Duration kPeerSaysSo = std::chrono::seconds(10);

const char* state_word(vrrp::State state) {
  switch (state) {
    case vrrp::State::initialize:
      return "initialize";
    case vrrp::State::backup:
      return "backup";
    case vrrp::State::active:
      return "active";
    case vrrp::State::fault:
      break;
  }
  return "fault";
}

void add_router(MetricFamilies& to, const RouterView& router, const Now& at) {
  const MonotonicTime now = at.monotonic;
  const vrrp::Status& s = router.status;
  const std::string& name = router.config.name;
  const MetricFamilies::Labels own = {{"router", name}};
  const auto vrid = std::to_string(router.config.vrid);
  for (const auto state :
       {vrrp::State::initialize, vrrp::State::backup, vrrp::State::active, vrrp::State::fault})
    to.add(tandem_vrrp_state, {{"router", name}, {"vrid", vrid}, {"state", state_word(state)}},
           s.state == state);
  const auto lease = std::max(s.lease_deadline - now, Duration::zero());
  for (const auto& a : router.config.addresses)
    to.add(tandem_vrrp_address_held, {{"router", name}, {"address", a.prefix.address.to_string()}},
           lease > Duration::zero());
  to.add(tandem_vrrp_transitions_total, own, s.transitions);
  to.add(tandem_vrrp_last_transition_timestamp_seconds, own,
         exact_seconds(at.wall_at(s.since).time_since_epoch()));
  if (!s.peer.is_unspecified())
    to.add(tandem_vrrp_peer_heard_age_seconds, own, exact_seconds(now - s.peer_seen));
  to.add(tandem_vrrp_priority, own, s.effective_priority);
  to.add(tandem_vrrp_configured_priority, own, s.configured_priority);
  if (!s.peer.is_unspecified()) to.add(tandem_vrrp_peer_priority, own, s.peer_priority);
  to.add(tandem_vrrp_handed_over, own, s.handed_over);
  to.add(tandem_vrrp_stalls_total, own, s.stalls);
  to.add(tandem_vrrp_waits_for_flows, own, s.waits_for_flows);
  to.add(tandem_vrrp_waits_for_backends, own, s.waits_for_backends);
  to.add(tandem_vrrp_held_back, own, s.held_back);
  to.add(tandem_vrrp_held_back_total, own, s.held_back_count);
  if (s.peer_role)
    to.add(tandem_vrrp_peer_active_over_sync, own,
           s.peer_role->role.is_active_and_well() && now - s.peer_role->as_of < kPeerSaysSo);
  if (router.sockets.counts) {
    to.add(tandem_vrrp_sockets, {{"router", name}, {"where", "here"}}, router.sockets.here);
    to.add(tandem_vrrp_sockets, {{"router", name}, {"where", "there"}}, router.sockets.there);
    to.add(tandem_vrrp_draining, own, router.sockets.draining);
  }
  to.add(tandem_vrrp_lease_remaining_seconds, own, exact_seconds(lease));
  to.add(tandem_vrrp_advert_interval_seconds, own, exact_seconds(router.config.advert_interval));
  to.add(tandem_vrrp_adverts_sent_total, own, s.adverts_sent);
  to.add(tandem_vrrp_adverts_received_total, own, s.adverts_received);
  to.add(tandem_vrrp_adverts_signed_total, own, s.adverts_signed);
  for (std::size_t i = 1; i < s.dropped.size(); ++i)
    to.add(tandem_vrrp_adverts_dropped_total,
           {{"router", name}, {"reason", wire::to_string(static_cast<wire::AdvertDrop>(i))}},
           s.dropped[i]);
  to.add(tandem_vrrp_advert_mismatches_total, {{"router", name}, {"what", "addresses"}},
         s.address_mismatches);
  to.add(tandem_vrrp_advert_mismatches_total, {{"router", name}, {"what", "interval"}},
         s.interval_mismatches);
}

void add_adverts(MetricFamilies& to, const NodeView& node) {
  to.add(tandem_adverts_received_total, node.adverts.received);
  for (std::size_t i = 1; i < node.adverts.dropped.size(); ++i)
    to.add(tandem_adverts_dropped_total,
           {{"reason", wire::to_string(static_cast<wire::AdvertDrop>(i))}},
           node.adverts.dropped[i]);
  to.add(tandem_adverts_lost_total, node.adverts.ring_full);
  to.add(tandem_vrrp_send_errors_total, node.send_errors);
  to.add(tandem_vrrp_lateness_seconds, node.vrrp_thread.lateness);
}

void add_packets(MetricFamilies& to, const NodeView& node) {
  for (std::size_t i = 0; i < node.packets.size(); ++i) {
    const std::string_view name = packet_reasons()[i];
    const auto slash = name.find('/');
    to.add(tandem_packets_total,
           {{"verdict", name.substr(0, slash)}, {"reason", name.substr(slash + 1)}},
           node.packets[i]);
  }
  for (const LossView& loss : node.losses)
    to.add(tandem_lost_packets_total, {{"place", loss.place}, {"reason", loss.reason}}, loss.count);
}

void add_service(MetricFamilies& to, const ServiceView& s) {
  const bool local = s.forward == config::Forward::local;
  const MetricFamilies::Labels own = {{"service", s.name}};
  to.add(tandem_service_info,
         {{"service", s.name},
          {"address", s.address.to_string()},
          {"protocol", name_of(s.protocol)},
          {"port", std::to_string(s.port)},
          {"forward", name_of(s.forward)},
          {"scheduler", local ? "" : name_of(s.scheduler)}},
         1);
  if (local) {
    const auto with = [&](MetricId id, std::string_view direction, auto number) {
      to.add(id, {{"service", s.name}, {"direction", direction}}, number);
    };
    with(tandem_service_packets_total, "in", s.traffic.packets_in);
    with(tandem_service_packets_total, "out", s.traffic.packets_out);
    with(tandem_service_bytes_total, "in", s.traffic.bytes_in);
    with(tandem_service_bytes_total, "out", s.traffic.bytes_out);
    return;
  }
  to.add(tandem_service_up, {{"service", s.name}}, s.up);
  to.add(tandem_service_backends, {{"service", s.name}, {"state", "up"}}, s.backends_up);
  to.add(tandem_service_backends, {{"service", s.name}, {"state", "draining"}},
         s.backends_draining);
  to.add(tandem_service_backends, {{"service", s.name}, {"state", "down"}}, s.backends_down);
  to.add(tandem_service_connections, own, s.flows_active);
  to.add(tandem_service_flows, own, s.flows_total);
  to.add(tandem_service_picks_total, own, s.picks);
  to.add(tandem_service_hash_picks_total, own, s.hash_picks);
  to.add(tandem_service_refused_total, {{"service", s.name}, {"reason", "no_backend"}},
         s.refused - s.no_source_port);
  to.add(tandem_service_refused_total, {{"service", s.name}, {"reason", "no_source_port"}},
         s.no_source_port);
  to.add(tandem_service_table_full_total, own, s.table_full);
  if (!s.before_forward) return;
  to.add(tandem_service_acknowledged_total, own, s.before_forward->acknowledged);
  const auto ahead = [&](std::string_view reason, std::uint64_t number) {
    to.add(tandem_service_unacknowledged_total, {{"service", s.name}, {"reason", reason}}, number);
  };
  ahead("away", s.before_forward->away);
  ahead("slow", s.before_forward->slow);
  ahead("refused", s.before_forward->refused);
  ahead("no_room", s.before_forward->no_room);
}

void add_backend(MetricFamilies& to, const BackendView& b, const Now& now) {
  const auto endpoint = endpoint_text(b.address, b.port);
  const MetricFamilies::Labels own = {{"service", b.service}, {"backend", endpoint}};
  const auto with = [&](MetricId id, std::string_view label, std::string_view value, auto number) {
    to.add(id, {{"service", b.service}, {"backend", endpoint}, {label, value}}, number);
  };
  for (const auto state : {balance::State::up, balance::State::draining, balance::State::down})
    with(tandem_backend_state, "state", name_of(state), b.state == state);
  to.add(tandem_backend_in_use, own, b.in_use);
  to.add(tandem_backend_last_change_timestamp_seconds, own,
         exact_seconds(now.wall_at(b.since).time_since_epoch()));
  to.add(tandem_backend_connections, own, b.active);
  to.add(tandem_backend_flows, own, b.total);
  to.add(tandem_backend_weight, own, b.weight);
  if (b.max_connections != 0) to.add(tandem_backend_max_connections, own, b.max_connections);
  to.add(tandem_backend_picks_total, own, b.picks);
  with(tandem_backend_packets_total, "direction", "in", b.traffic.packets_in);
  with(tandem_backend_packets_total, "direction", "out", b.traffic.packets_out);
  with(tandem_backend_bytes_total, "direction", "in", b.traffic.bytes_in);
  with(tandem_backend_bytes_total, "direction", "out", b.traffic.bytes_out);
  if (!b.check) return;
  to.add(tandem_backend_check_latency_seconds, own, exact_seconds(b.check->latency));
  to.add(tandem_backend_check_runs_total, own, b.check->runs);
  to.add(tandem_backend_check_failures_total, own, b.check->failures);
}

void add_check(MetricFamilies& to, const CheckView& check) {
  const MetricFamilies::Labels own = {{"check", check.name}};
  if (check.up) {
    to.add(tandem_check_up, {{"check", check.name}, {"kind", check.kind}}, *check.up);
    to.add(tandem_check_latency_seconds, own, exact_seconds(check.figures.latency));
  }
  to.add(tandem_check_runs_total, own, check.figures.runs);
  to.add(tandem_check_failures_total, own, check.figures.failures);
}

void add_flows(MetricFamilies& to, const FlowTablesView& tables) {
  for (const auto& [family, table] : {std::pair{"ipv4", &tables.ipv4}, {"ipv6", &tables.ipv6}}) {
    const MetricFamilies::Labels own = {{"family", family}};
    to.add(tandem_flow_table_flows, own, table->flows);
    to.add(tandem_flow_table_capacity, own, table->capacity);
    to.add(tandem_flow_table_evictions_total, own, table->evicted);
  }
  const auto in_table = tables.active_in_table, in_schedulers = tables.active_in_schedulers;
  to.add(tandem_flow_counts, {{"where", "table"}}, in_table);
  to.add(tandem_flow_counts, {{"where", "schedulers"}}, in_schedulers);
  to.add(tandem_flow_count_mismatch,
         std::max(in_table, in_schedulers) - std::min(in_table, in_schedulers));
}

void add_worker(MetricFamilies& to, const std::string& number, const WorkerView& w) {
  const MetricFamilies::Labels own = {{"worker", number}};
  to.add(tandem_worker_stalled, own, w.stalled);
  to.add(tandem_worker_rounds_total, own, w.rounds);
  to.add(tandem_worker_bursts_total, own, w.bursts);
  to.add(tandem_worker_frames_total, {{"worker", number}, {"direction", "in"}}, w.received);
  to.add(tandem_worker_frames_total, {{"worker", number}, {"direction", "out"}}, w.sent);
  to.add(tandem_worker_unsent_total, {{"worker", number}, {"reason", "queue_full"}}, w.tx_full);
  to.add(tandem_worker_unsent_total, {{"worker", number}, {"reason", "no_port"}}, w.no_port);
  to.add(tandem_worker_first_packets_total, {{"worker", number}, {"result", "handed_over"}},
         w.handed_over);
  to.add(tandem_worker_first_packets_total, {{"worker", number}, {"result", "lost"}}, w.overrun);
}

void add_engine(MetricFamilies& to, const EngineView& engine) {
  for (std::size_t i = 0; i < engine.workers.size(); ++i)
    add_worker(to, std::to_string(i), engine.workers[i]);
  for (const PortView& port : engine.ports) {
    to.add(tandem_port_lost_total, {{"port", port.name}, {"reason", "missed"}}, port.missed);
    to.add(tandem_port_lost_total, {{"port", port.name}, {"reason", "no_buffer"}}, port.no_frame);
  }
}

void add_sync(MetricFamilies& to, const SyncView& s) {
  to.add(tandem_sync_connected, s.connected);
  for (const SyncedService& service : s.services)
    to.add(tandem_sync_in_sync, {{"service", service.name}}, service.state == SyncState::in_sync);
  to.add(tandem_sync_lag_seconds, exact_seconds(s.lag));
  to.add(tandem_sync_sessions_total, s.sessions);
  to.add(tandem_sync_refused_total, s.refused);
  to.add(tandem_sync_flows_total, {{"direction", "out"}}, s.flows_sent);
  to.add(tandem_sync_flows_total, {{"direction", "in"}}, s.flows_received);
  to.add(tandem_sync_clients_total, {{"direction", "out"}}, s.clients_sent);
  to.add(tandem_sync_clients_total, {{"direction", "in"}}, s.clients_received);
  to.add(tandem_sync_repairs_total, s.repairs);
  to.add(tandem_sync_conflicts_total, s.conflicts);
  to.add(tandem_sync_records_refused_total, {{"reason", "unknown"}}, s.unknown);
  to.add(tandem_sync_records_refused_total, {{"reason", "no_room"}}, s.no_room);
}

void add_nginx(MetricFamilies& to, const NginxView& nginx) {
  to.add(tandem_nginx_up, nginx.status.has_value());
  if (!nginx.status) return;
  const StubStatus& s = *nginx.status;
  to.add(tandem_nginx_connections, {{"state", "active"}}, s.active);
  to.add(tandem_nginx_connections, {{"state", "reading"}}, s.reading);
  to.add(tandem_nginx_connections, {{"state", "writing"}}, s.writing);
  to.add(tandem_nginx_connections, {{"state", "waiting"}}, s.waiting);
  to.add(tandem_nginx_connections_accepted_total, s.accepted);
  to.add(tandem_nginx_connections_handled_total, s.handled);
  to.add(tandem_nginx_requests_total, s.requests);
}

}  // namespace

Result<std::string> metrics_text(const Overview& o, const ProcessView& process) {
  MetricFamilies to;
  add_node(to, o.node);
  add_http(to, o.http);
  add_process(to, process, o);
  for (const RouterView& router : o.routers) add_router(to, router, o.now);
  add_adverts(to, o.node);
  add_packets(to, o.node);
  for (const ServiceView& service : o.services.services) add_service(to, service);
  for (const BackendView& backend : o.backends) add_backend(to, backend, o.now);
  for (const CheckView& check : o.node.checks) add_check(to, check);
  if (o.services.tables) add_flows(to, *o.services.tables);
  if (o.sync) add_sync(to, *o.sync);
  add_engine(to, o.engine);
  if (o.nginx) add_nginx(to, *o.nginx);
  return std::move(to).text();
}

}  // namespace tandem::observe
