// SPDX-License-Identifier: Apache-2.0
// The flows of the other node in the forwarder's tables, and this node's flows as the other one gets
// them (replication.hpp).
//
// Who holds the lease of a service's address decides about its flows. On the other node they are
// replicas: they take no part in decisions, they do not age, and they change only as the peer says.
// A node that takes the lease goes on with them as they are; nothing is committed.
//
// If the peer names a flow of a service whose lease this node holds, as after a partition in which
// both decided, a flow that is not here yet is added, and one that is here stays as it is.
#include <utility>

#include "forward/forwarder.hpp"
#include "forward/known_flow.hpp"
#include "forward/source_record.hpp"
#include "tandem/lease.h"
#include "tandem/parse.h"

namespace tandem::forward {
namespace {

// Of those that affinity may hold: in 10 ms, a table of 65,536 in a third of a second or a minute.
constexpr std::size_t kClientsAtOnce = 2'048, kClientsInTurn = 11;

FlowId client_id(const IpAddress& client, std::uint16_t service) {
  const std::uint8_t* bytes = client.bytes().data();
  if (client.is_v4()) return {{td_load32(bytes), 0}, 0, service, TD_IPV4};
  return {{td_load64(bytes), td_load64(bytes + 8)}, 0, service, TD_IPV6};
}

IpAddress address_of(const FlowId& client) {
  if (client.family == TD_IPV4) return name_of(key_of<flow::FlowTable4>(client)).client;
  return name_of(key_of<flow::FlowTable6>(client)).client;
}

// The peer takes what it has sent for what is here, unless it hears otherwise: once for each range,
// until it asks again.
void tell_refused(Replication& shared, const ReplicaChange& change) {
  const auto range = FlowSums::range_of(shared.sums.hash(change.flow));
  auto told = shared.told_refused[change.flow.service][range];
  if (told) return;
  told =
      shared.outcomes.push({change.flow.service, static_cast<std::uint16_t>(range), false, false});
}

void refuse_change(Replication& shared, const ReplicaChange& change, Count& counter) {
  counter++;
  shared.refused.set(change.flow.service);
  tell_refused(shared, change);
}

// One that is lost for want of room is asked for again.
void acknowledge(Replication& shared, std::uint64_t number) {
  for (std::uint16_t service = 1; shared.refused.any() && service < TD_MAX_SERVICES; service++) {
    if (!shared.refused[service]) continue;
    if (!shared.outcomes.push({.service = service, .acknowledges = number})) return;
    shared.refused.reset(service);
  }
  if (!shared.outcomes.push({.acknowledges = number})) shared.outcomes_lost++;
}

}  // namespace

void Forwarder::replicate(Replication* replication) {
  replication_ = replication;
  flows4_.set_marks(&replication->marks4);
  flows6_.set_marks(&replication->marks6);
  flows4_.set_replicas(replicas_.data());
  flows6_.set_replicas(replicas_.data());
  held_.resize(kMostHeld);
}

bool Forwarder::holds_lease(std::uint16_t service, MonotonicTime now) const {
  const td_tables& tables = *memory_.env.tables;
  return td_has_lease(&tables.vrouter[tables.service[service].vrouter % TD_MAX_VROUTERS],
                      to_ns(now));
}

void Forwarder::look_at_leases(MonotonicTime now) {
  if (replication_ == nullptr) return;
  look_at_session(now);
  for (std::uint16_t number = 1; number < services_.size(); number++) {
    const std::uint8_t is_replica = services_[number] != nullptr && !holds_lease(number, now);
    const std::uint8_t was = std::exchange(replicas_[number], is_replica);
    if (was > is_replica) forget_from_the_start();
    if (was != is_replica && !in_session_) recount_twins_of(number);
  }
}

// ---- Out

template <class Table>
void Forwarder::count_in(const typename Table::Key& key, std::uint16_t backend,
                         std::uint16_t extra) {
  const FlowId name = id_of(key);
  const bool has_port = services_[name.service]->settings.mode == TD_MODE_FULLNAT;
  replication_->sums.add(name, backend, has_port ? extra : 0);
}

template <class Table>
void Forwarder::count_out(const typename Table::Flow& flow) {
  const FlowId name = id_of(flow.key);
  const bool has_port = services_[name.service]->settings.mode == TD_MODE_FULLNAT;
  replication_->sums.subtract(name, flow.backend, has_port ? flow.extra : 0);
  if (!applying_ && !forgets_one_ && !replication_->gone.push(name)) replication_->names_lost++;
}

// ---- Clients that affinity holds

void Forwarder::tell_news(const Service& service, std::uint16_t number, MonotonicTime now) {
  const auto news = service.affinity->take_news(now);
  if (!news) return;
  replication_->clients.push({client_id(news->address, number), news->slot, news->until});
}

// The next places of the tables of all services. false: the ring is full.
bool Forwarder::tell_some(std::size_t places, bool owned_only, MonotonicTime now) {
  bool has_room = true;
  for (std::size_t seen = 0; seen < places && has_room;) {
    const Service* service = service_at(told_service_);
    const bool tells = service != nullptr && !service->going && service->affinity &&
                       !(owned_only && replicas_[told_service_] != 0);
    if (!tells || told_place_ >= service->affinity->capacity()) {
      told_place_ = 0;
      told_service_ = static_cast<std::uint16_t>((told_service_ + 1) % services_.size());
      if (told_service_ == 0) {
        tells_all_ = false;
        return true;
      }
      continue;
    }
    service->affinity->visit_some(told_place_, 1, now, [&](const auto& client) {
      has_room = replication_->clients.push(
          {client_id(client.address, told_service_), client.slot, client.until});
    });
    if (has_room) told_place_++;
    seen++;
  }
  return has_room;
}

void Forwarder::tell_clients(MonotonicTime now) {
  if (replication_ == nullptr) return;
  const auto wanted = replication_->clients_wanted.load(std::memory_order_acquire);
  if (std::exchange(clients_told_, wanted) != wanted) {
    told_service_ = 0;
    told_place_ = 0;
    tells_all_ = true;
  }
  tell_some(tells_all_ ? kClientsAtOnce : kClientsInTurn, !tells_all_, now);
}

// Who decides is believed; what is told by who does not only fills gaps.
void Forwarder::hold_client(const ReplicaChange& change, bool decides_here, MonotonicTime now) {
  Service* service = service_at(change.flow.service);
  if (service == nullptr || service->going || change.backend >= backends_.size() ||
      !backends_[change.backend] ||
      backends_[change.backend]->settings.service != change.flow.service)
    return replication_->unknown++;
  if (!service->affinity) return;
  service->affinity->adopt({address_of(change.flow), change.backend, now + change.held_for},
                           change.decides && !decides_here, now);
  replication_->clients_taken++;
}

// ---- In

void Forwarder::apply_changes(std::size_t most, MonotonicTime now, flow::Tick tick) {
  if (replication_ == nullptr) return;
  applying_ = true;
  for (std::size_t i = 0; i < most; i++) {
    const ReplicaChange* change = replication_->changes.front();
    if (change == nullptr) break;
    apply(*change, now, tick);
    replication_->changes.pop();
  }
  applying_ = false;
}

void Forwarder::apply(const ReplicaChange& change, MonotonicTime now, flow::Tick tick) {
  using Kind = ReplicaChange::Kind;
  const std::uint16_t number = change.flow.service;
  const bool decides_here = holds_lease(number, now);
  const bool is_v4 = change.flow.family == TD_IPV4;
  if (change.kind == Kind::check) {
    const bool equal = replication_->sums.sum(number, change.range) == change.sum;
    replication_->told_refused[number].reset(change.range);
    if (!replication_->outcomes.push({number, change.range, equal})) replication_->outcomes_lost++;
  } else if (change.kind == Kind::acknowledge) {
    acknowledge(*replication_, change.sum);
  } else if (change.kind == Kind::client) {
    hold_client(change, decides_here, now);
  } else if (change.kind == Kind::remove) {
    const bool is_here = is_v4 ? flows4_.find(key_of<flow::FlowTable4>(change.flow)).has_value()
                               : flows6_.find(key_of<flow::FlowTable6>(change.flow)).has_value();
    if (decides_here && is_here) tell_refused(*replication_, change);
    if (decides_here) return;
    const bool gone = is_v4 ? flows4_.erase(key_of<flow::FlowTable4>(change.flow))
                            : flows6_.erase(key_of<flow::FlowTable6>(change.flow));
    if (gone) replication_->applied++;
  } else if (is_v4) {
    put(flows4_, change, decides_here, tick);
  } else {
    put(flows6_, change, decides_here, tick);
  }
}

// What the flow holds, as reserve() does it for one that is decided here; of a port, the one that
// the peer has given it. false: that port is in use here, and nothing is held.
template <class Table>
bool Forwarder::acquire(const Service& service, const ReplicaChange& change,
                        typename Table::Decision& decision) {
  if (!service.settings.is_nat()) return true;
  td_hop way = change.client_hop;
  for (const Device& device : devices_)
    if (device.ifindex == way.ifindex) way.mtu = device.mtu;
  const std::uint16_t hop = way.ifindex != 0 ? acquire_hop(way).value_or(0) : 0;
  if (service.settings.mode == TD_MODE_NAT) {
    decision.extra = hop;
    return true;
  }
  td_source* record = source_at(service, change.source, change.source_port);
  if (record == nullptr ||
      !ports_[service.settings.sources[change.source]].hold(change.source_port)) {
    hops_.release(hop);
    return false;
  }
  const FlowName name = name_of(key_of<Table>(change.flow));
  fill_source(*record, {name.client.bytes().data(), name.port, change.flow.family}, name.service,
              hop);
  decision.extra = change.source_port;
  decision.source = change.source;
  return true;
}

template <class Table>
void Forwarder::put(Table& table, const ReplicaChange& change, bool decides_here, flow::Tick tick) {
  Service* service = service_at(change.flow.service);
  const bool known = service != nullptr && !service->going && change.backend < backends_.size() &&
                     backends_[change.backend] &&
                     backends_[change.backend]->settings.service == change.flow.service;
  if (!known) return refuse_change(*replication_, change, replication_->unknown);
  const auto key = key_of<Table>(change.flow);
  const bool has_port = service->settings.mode == TD_MODE_FULLNAT;
  if (const auto here = table.find(key)) {
    const bool same =
        here->backend == change.backend &&
        (!has_port || (here->extra == change.source_port && here->source == change.source));
    if (decides_here && !same) refuse_change(*replication_, change, replication_->conflicts);
    if (decides_here) return;
    if (same) {
      if (here->state != change.state) table.set_state(key, change.state, tick, idle_);
      replication_->applied++;
      return;
    }
    table.erase(key);
  }
  typename Table::Decision decision{change.backend, change.state};
  if (!acquire<Table>(*service, change, decision))
    return refuse_change(*replication_, change, replication_->ports_taken);
  const bool counts = td_flow_counts(change.state);
  if (counts) service->scheduler->charge(change.backend);
  if (table.insert(key, decision, tick).outcome != Table::Outcome::inserted) {
    if (counts) service->scheduler->close(change.backend);
    release(*service, decision.extra, decision.source);
    return refuse_change(*replication_, change, replication_->no_room);
  }
  count_in<Table>(key, change.backend, decision.extra);
  replication_->applied++;
}

template void Forwarder::count_in<flow::FlowTable4>(const std::uint64_t&, std::uint16_t,
                                                    std::uint16_t);
template void Forwarder::count_in<flow::FlowTable6>(const td_flow6_key&, std::uint16_t,
                                                    std::uint16_t);
template void Forwarder::count_out<flow::FlowTable4>(const flow::FlowTable4::Flow&);
template void Forwarder::count_out<flow::FlowTable6>(const flow::FlowTable6::Flow&);

}  // namespace tandem::forward
