// SPDX-License-Identifier: Apache-2.0
#include "daemon/services_report.hpp"

#include <algorithm>
#include <map>

#include "daemon/explanation.hpp"
#include "forward/known_flow.hpp"

namespace tandem::daemon {
namespace {

using services::RunningBackend;
using services::RunningService;

std::string names_of(const services::RunningServices& services) {
  std::string names;
  for (const auto& s : services)
    if (s.number != 0) names += (names.empty() ? "" : ", ") + s.config.name;
  return names.empty() ? "none has backends" : "there are " + names;
}

bool is_meant(const RunningService& service, const std::optional<std::string>& name) {
  return service.number != 0 && (!name || service.config.name == *name);
}

bool is_meant(const RunningBackend& backend, const std::optional<control::Endpoint>& endpoint) {
  return !endpoint || endpoint->names(backend.config.address, backend.config.port);
}

std::string note_of(const observe::ServiceView& v, const forward::ServiceCounts& counts,
                    bool served) {
  std::string note;
  const auto add = [&](const std::string& text) { note += (note.empty() ? "" : "; ") + text; };
  if (!served) add("not served: new flows are lost (see status)");
  if (const auto& b = v.before_forward) {
    const auto ahead = b->away + b->slow + b->refused + b->no_room;
    if (ahead > 0)
      add(std::to_string(ahead) + " new flows went on before the other node had them (sync)");
  }
  if (v.backends_up == 0) add("no backend is up for new connections");
  if (counts.full > 0)
    add("the flow table was full for " + std::to_string(counts.full) + " new flows");
  if (counts.exhausted > 0)
    add("no source port was left for " + std::to_string(counts.exhausted) + " new flows");
  if (counts.crowded > 0)
    add("too many neighbours: no place was left for the one of " + std::to_string(counts.crowded) +
        " new flows");
  return note;
}

observe::BeforeForward before_forward(const forward::ServiceCounts& counts) {
  const auto ahead = [&](forward::Unacknowledged why) -> std::uint64_t {
    return counts.went_ahead[static_cast<std::size_t>(why)];
  };
  using enum forward::Unacknowledged;
  return {counts.acknowledged, ahead(away), ahead(slow), ahead(refused), ahead(no_room)};
}

bool is_behind(const forward::Replication& replication) {
  return replication.behind && replication.acknowledged < replication.held;
}

observe::Traffic since(const td_traffic& before, const td_traffic& now) {
  return {now.in_packets - before.in_packets, now.in_bytes - before.in_bytes,
          now.out_packets - before.out_packets, now.out_bytes - before.out_bytes};
}

void sum_up(observe::ServiceView& v, const observe::BackendView& b) {
  if (b.state == balance::State::up) v.backends_up++;
  if (b.state == balance::State::draining) v.backends_draining++;
  if (b.state == balance::State::down) v.backends_down++;
  v.flows_active += b.active;
  v.flows_total += b.total;
  v.new_per_second += b.new_per_second;
  v.traffic.packets_in += b.traffic.packets_in;
  v.traffic.bytes_in += b.traffic.bytes_in;
  v.traffic.packets_out += b.traffic.packets_out;
  v.traffic.bytes_out += b.traffic.bytes_out;
}

observe::SyncState state_of(const sync::ServiceSync& service, bool owner) {
  using Proof = sync::Sender::Proof;
  const bool proved = owner ? service.outgoing == Proof::proved : service.incoming_proved;
  if (proved) return observe::SyncState::in_sync;
  if (owner && service.outgoing == Proof::repairing) return observe::SyncState::repairing;
  if (owner && service.outgoing == Proof::unknown) return observe::SyncState::not_configured_there;
  return observe::SyncState::checking;
}

}  // namespace

// Whether the virtual router whose address it is holds the lease.
bool ServicesReport::has_lease(const IpAddress& address) const {
  const auto now = to_ns(MonotonicClock::now());
  for (const auto& r : sources_.running.plan.routers)
    if (r.config.has(address)) return now < sources_.tables.vrouter[r.id].lease_ns;
  return false;
}

auto ServicesReport::server_loads() const -> ServerLoads {
  ServerLoads loads;
  const auto& counts = sources_.plane.forwarder().counts();
  for (const auto& s : sources_.services) {
    const bool is_own = sources_.plane.replication() == nullptr || has_lease(s.config.address);
    for (const auto& b : s.backends) {
      ServerLoad& load = loads[{s.config.protocol, b.config.address, b.config.port}];
      (is_own ? load.own : load.peers) += counts.active(b.slot);
    }
  }
  return loads;
}

observe::BackendView ServicesReport::view(const RunningService& service,
                                          const RunningBackend& b) const {
  const dataplane::DataPlane& plane = sources_.plane;
  const forward::Forwarder& forwarder = plane.forwarder();
  observe::BackendView v;
  v.service = service.config.name;
  v.address = b.config.address;
  v.port = b.config.port;
  v.weight = b.weight;
  v.configured_weight = b.config.weight;
  v.weight_set_on = b.weight_set_on;
  if (b.drained)
    v.drained_on = b.drained_on.empty() ? sources_.running.plan.config.node.name : b.drained_on;
  v.state = b.state;
  v.why = b.why;
  v.backup = b.config.backup;
  v.in_use = b.config.backup == service.backups_serve;
  v.since = b.since;
  v.slow_start = service.config.slow_start;
  v.active = forwarder.counts().active(b.slot);
  v.total = forwarder.counts().total(b.slot);
  v.new_per_second = b.new_per_second;
  v.max_connections = b.config.max_connections;
  const services::BackendTotals totals = services::totals_of(b.slot, plane);
  v.picks = totals.picks - b.before.picks;
  v.traffic = since(b.before.traffic, totals.traffic);
  if (b.next_hop) {
    const auto link = sources_.link(b.next_hop->ifindex);
    v.next_hop = observe::NextHop{link ? link->name : "?", b.next_hop->mac};
  }
  if (const auto check = sources_.last_check(b)) v.check = check->figures;
  return v;
}

observe::ServiceView ServicesReport::view(const RunningService& s) const {
  observe::ServiceView v;
  v.name = s.config.name;
  v.address = s.config.address;
  v.protocol = s.config.protocol;
  v.port = s.config.port;
  v.forward = s.config.forward;
  v.scheduler = s.config.scheduler;
  v.up = s.up;
  v.lease = has_lease(s.config.address);
  for (const auto& b : s.backends) sum_up(v, view(s, b));
  if (s.counted.slot != 0)
    v.traffic = since(s.counted.before, sources_.plane.traffic(s.counted.slot));
  if (s.number == 0) return v;
  const auto& counts = sources_.plane.forwarder().of_service(s.number);
  v.picks = counts.picks;
  v.hash_picks = counts.joined;
  v.refused = counts.refused + counts.exhausted + counts.crowded;
  v.no_source_port = counts.exhausted;
  v.table_full = counts.full;
  if (s.config.sync == config::SyncWhen::before_forward) v.before_forward = before_forward(counts);
  v.note = note_of(v, counts, sources_.plane.unserved().empty());
  return v;
}

observe::ServicesView ServicesReport::services(const std::optional<std::string>& name) const {
  observe::ServicesView document;
  for (const auto& s : sources_.services)
    if (!name || s.config.name == *name) document.services.push_back(view(s));
  observe::FlowTablesView tables;
  if (sources_.plane.call([&](forward::Forwarder& f, MonotonicTime) {
        const auto sums = f.sums();
        tables.active_in_table = sums.in_table;
        tables.active_in_schedulers = sums.in_schedulers;
        tables.ipv4 = {f.flows4().flows(), f.flows4().capacity(), f.flows4().evictions()};
        tables.ipv6 = {f.flows6().flows(), f.flows6().capacity(), f.flows6().evictions()};
      }))
    document.tables = tables;
  return document;
}

std::vector<observe::BackendView> ServicesReport::backends(
    const std::optional<std::string>& service,
    const std::optional<control::Endpoint>& backend) const {
  const auto loads = server_loads();
  std::vector<observe::BackendView> views;
  for (const auto& s : sources_.services) {
    if (!is_meant(s, service)) continue;
    for (const auto& b : s.backends) {
      if (!is_meant(b, backend)) continue;
      views.push_back(view(s, b));
      const ServerLoad& load = loads.at({s.config.protocol, b.config.address, b.config.port});
      views.back().server_own = load.own;
      views.back().server_peers = load.peers;
    }
  }
  return views;
}

Result<void> ServicesReport::find(const std::optional<std::string>& service,
                                  const std::optional<control::Endpoint>& backend) const {
  if (!service) return {};
  const auto found =
      std::ranges::find_if(sources_.services, [&](const auto& s) { return is_meant(s, service); });
  if (found == sources_.services.end())
    return fail("there is no service '" + *service + "' with backends; " +
                names_of(sources_.services));
  if (backend &&
      std::ranges::none_of(found->backends, [&](const auto& b) { return is_meant(b, backend); }))
    return fail("service '" + *service + "' has no backend " + backend->to_string());
  return {};
}

ServicesReport::Flows ServicesReport::flows(const control::FlowsRequest& request) const {
  struct Owner {
    const RunningService* service;
    const RunningBackend* backend;
  };
  std::map<std::uint16_t, Owner> owners;  // by slot, of the backends that are asked for
  for (const auto& s : sources_.services)
    if (is_meant(s, request.service))
      for (const auto& b : s.backends)
        if (is_meant(b, request.backend)) owners[b.slot] = {&s, &b};

  const dataplane::DataPlane& data = sources_.plane;
  const auto now = data.tick(MonotonicClock::now());
  Flows flows;
  const auto look_at = [&](const auto& in_table) {
    const auto owner = owners.find(in_table.backend);
    if (owner == owners.end() || (request.state && in_table.state != *request.state)) return;
    const auto flow = forward::known(in_table);
    if (request.client && flow.name.client != *request.client) return;
    if (flows.matched++ >= request.limit || request.count_only) return;
    const auto& [service, backend] = owner->second;
    flows.rows.push_back(view_of(flow, *service, *backend, data.idle(flow.stamp, now)));
  };
  data.forwarder().flows4().for_each(look_at);
  data.forwarder().flows6().for_each(look_at);
  return flows;
}

Result<observe::ExplainView> ServicesReport::explain(const control::ExplainRequest& request) const {
  forward::Question question;
  question.source = request.source;
  question.destination = request.destination;
  question.source_port = request.source_port.value_or(kAnyClientPort);
  question.port = request.port;
  question.udp = request.protocol == config::Protocol::udp;
  forward::Rehearsed rehearsed{};
  auto& plane = sources_.plane;
  if (!plane.call([&](forward::Forwarder& f, MonotonicTime now) {
        rehearsed = forward::rehearse(f, question, now, plane.jiffies(now));
      }))
    return fail(kStandsStill);
  return Explanation(
             {sources_.running.plan, sources_.services, plane, sources_.tables, sources_.link})
      .view(question, rehearsed, MonotonicClock::now());
}

std::optional<observe::SyncView> ServicesReport::sync() const {
  const auto link = sources_.sync();
  if (!link) return std::nullopt;
  const forward::Replication& replication = *sources_.plane.replication();
  observe::SyncView view;
  view.connected = link->connected;
  view.peer = link->peer;
  view.link = link->link + 1;
  view.why = link->why;
  view.since = link->since;
  view.lag = link->lag;
  view.sessions = link->sessions;
  view.refused = link->refused;
  view.flows_sent = link->flows_sent;
  view.flows_received = link->flows_received;
  view.clients_sent = link->clients_sent;
  view.clients_received = link->clients_received;
  view.repairs = link->repairs;
  const forward::Forwarder& forwarder = sources_.plane.forwarder();
  view.rooms_differ = link->connected && (link->peer_room4 != forwarder.flows4().capacity() ||
                                          link->peer_room6 != forwarder.flows6().capacity());
  view.conflicts = replication.conflicts;
  view.is_behind = is_behind(replication);
  view.unknown = link->unknown_here + replication.unknown;
  view.settings_equal = link->wishes_equal;
  view.no_room = replication.no_room + replication.ports_taken;
  for (const auto& service : sources_.services) {
    const auto known =
        std::ranges::find(link->services, service.number, &sync::ServiceSync::number);
    if (service.number == 0 || known == link->services.end()) continue;
    const bool owner = has_lease(service.config.address);
    view.services.push_back(
        {service.config.name, owner,
         link->connected ? state_of(*known, owner) : observe::SyncState::not_connected});
  }
  return view;
}

}  // namespace tandem::daemon
