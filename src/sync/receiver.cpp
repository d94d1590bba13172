// SPDX-License-Identifier: Apache-2.0
#include "sync/receiver.hpp"

#include <algorithm>
#include <utility>

#include "sync/names.hpp"

namespace tandem::sync {
namespace {

using forward::FlowId;
using forward::ReplicaChange;

constexpr std::uint8_t kNoSource = 255;

template <int Family>
FlowId local_id_of(const FlowRecord& record, std::uint16_t local_service) {
  return {record.client, record.port, local_service, Family == 4 ? TD_IPV4 : TD_IPV6};
}

}  // namespace

Receiver::Receiver(const forward::Forwarder& forwarder, forward::Replication& shared)
    : forwarder_(forwarder),
      shared_(shared),
      services_(TD_MAX_SERVICES),
      backends_(TD_MAX_BACKENDS),
      confirmed_(TD_MAX_SERVICES) {}

void Receiver::begin() {
  std::ranges::fill(services_, std::nullopt);
  std::ranges::fill(backends_, std::nullopt);
  hops_.clear();
  peers_number_.clear();
  repairs_.clear();
  ending_.reset();
  waiting_.clear();
  outcomes_.outcomes.clear();
  ack_.reset();
  lacking_.clear();
  for (Ranges& ranges : confirmed_) ranges.reset();
}

// ---- Names

void Receiver::resolve(PeerService& service) const {
  const td_env& env = forwarder_.env();
  service.local = find_service(env, service.name);
  service.sources.clear();
  const auto here = service_name(env, service.local);
  for (const IpAddress& source : service.name.sources) {
    std::uint8_t index = kNoSource;
    for (std::size_t i = 0; here && i < here->sources.size(); i++)
      if (here->sources[i] == source) index = static_cast<std::uint8_t>(i);
    service.sources.push_back(index);
  }
}

void Receiver::on(const ServiceName& name) {
  PeerService& service = services_[name.number].emplace(name);
  service.looked = epoch();
  resolve(service);
  if (service.local != 0) peers_number_[service.local] = name.number;
}

void Receiver::on(const BackendName& name) {
  backends_[name.slot].emplace(name);
}

void Receiver::on(const HopName& name) {
  hops_[name.number] = name;
}

// nullptr: the peer has not named it. Looks again where a reload may have changed the number here.
auto Receiver::service_of(std::uint16_t number) -> PeerService* {
  if (number >= services_.size() || !services_[number]) return nullptr;
  PeerService& service = *services_[number];
  if (is_service(forwarder_.env(), service.local, service.name)) return &service;
  if (std::exchange(service.looked, epoch()) != epoch()) resolve(service);
  if (service.local != 0) peers_number_[service.local] = number;
  return &service;
}

// 0: there is no such backend of the service here.
std::uint16_t Receiver::backend_of(std::uint16_t peers_slot, std::uint16_t local_service) {
  const td_env& env = forwarder_.env();
  if (peers_slot >= backends_.size() || !backends_[peers_slot]) return 0;
  PeerBackend& backend = *backends_[peers_slot];
  const auto is_it = [&](std::uint16_t slot) {
    return is_backend(env, slot, local_service, backend.name);
  };
  if (backend.local != 0 && is_it(backend.local)) return backend.local;
  if (std::exchange(backend.looked, epoch()) == epoch()) return 0;
  backend.local = 0;
  for (std::uint16_t slot = 1; slot < TD_MAX_BACKENDS && backend.local == 0; slot++)
    if (is_it(slot)) backend.local = slot;
  return backend.local;
}

// The peer's way to the client, from the device that the service's address is on here.
td_hop Receiver::way_to(std::uint16_t peers_hop, std::uint16_t local_service) const {
  td_hop way{};
  if (peers_hop == 0) return way;
  const auto named = hops_.find(peers_hop);
  if (named == hops_.end()) return way;
  const td_tables& tables = *forwarder_.env().tables;
  const td_vrouter& router =
      tables.vrouter[tables.service[local_service].vrouter % TD_MAX_VROUTERS];
  way.ifindex = router.ifindex;
  way.mtu = 1500;
  std::ranges::copy(named->second.vlan, way.vlan);
  std::ranges::copy(named->second.tpid, way.tpid);
  std::ranges::copy(named->second.destination.bytes, way.destination);
  std::ranges::copy(
      (router.flags & TD_VR_VIRTUAL_MAC) != 0 ? router.virtual_mac : router.interface_mac,
      way.source);
  return way;
}

// ---- Flows

template <int Family>
void Receiver::on(const Flows<Family>& flows) {
  counters_.flows += flows.flows.size();
  PeerService* service = nullptr;
  for (const FlowRecord& record : flows.flows) {
    if (service == nullptr || service->name.number != record.service)
      service = service_of(record.service);
    if (service == nullptr || service->local == 0) {
      counters_.no_service++;
      lacking_.insert(record.service);
      continue;
    }
    ReplicaChange change;
    change.flow = local_id_of<Family>(record, service->local);
    change.backend = backend_of(record.backend, service->local);
    if (change.backend == 0) {
      counters_.no_backend++;
      lacking_.insert(record.service);
      continue;
    }
    change.state = record.state;
    change.source_port = record.source_port;
    if (service->name.mode == TD_MODE_FULLNAT)
      change.source =
          record.source < service->sources.size() ? service->sources[record.source] : kNoSource;
    change.client_hop = way_to(record.hop, service->local);
    note_repair(change.flow, true);
    push(change);
  }
}

template <int Family>
void Receiver::on(const Gone<Family>& gone) {
  counters_.gone += gone.flows.size();
  for (const FlowRecord& record : gone.flows) {
    const PeerService* service = service_of(record.service);
    if (service == nullptr || service->local == 0) continue;
    ReplicaChange change;
    change.kind = ReplicaChange::Kind::remove;
    change.flow = local_id_of<Family>(record, service->local);
    note_repair(change.flow, false);
    push(change);
  }
}

// What is not configured here is left out without a word: it comes again.
template <int Family>
void Receiver::on(const Clients<Family>& clients) {
  counters_.clients += clients.clients.size();
  for (const ClientRecord& record : clients.clients) {
    const PeerService* service = service_of(record.service);
    if (service == nullptr || service->local == 0) continue;
    ReplicaChange change;
    change.kind = ReplicaChange::Kind::client;
    change.flow = {record.client, 0, service->local, Family == 4 ? TD_IPV4 : TD_IPV6};
    change.backend = backend_of(record.backend, service->local);
    change.held_for = std::chrono::milliseconds(record.held_for_ms);
    change.decides = record.decides != 0;
    if (change.backend != 0) push(change);
  }
}

void Receiver::on(const Checks& checks) {
  counters_.checks += checks.checks.size();
  for (const Check& check : checks.checks) {
    const PeerService* service = service_of(check.service);
    if (service == nullptr || service->local == 0) {
      outcomes_.outcomes.push_back({check.service, check.range, Verdict::unknown_service});
      continue;
    }
    ReplicaChange change;
    change.kind = ReplicaChange::Kind::check;
    change.flow.service = service->local;
    change.range = check.range;
    change.sum = check.sum;
    push(change);
  }
}

void Receiver::on(const AckRequest& request) {
  ReplicaChange change;
  change.kind = ReplicaChange::Kind::acknowledge;
  change.sum = request.number;
  push(change);
}

// Which of them lacks something is told with the number behind it.
void Receiver::on_applied(const forward::CheckOutcome& applied) {
  const auto number = peers_number_.find(applied.service);
  if (applied.service != 0 && number != peers_number_.end()) lacking_.insert(number->second);
  if (applied.service != 0) return;
  if (!ack_) ack_.emplace();
  ack_->number = applied.acknowledges;
  for (const std::uint16_t service : lacking_)
    if (std::ranges::find(ack_->lacking, service) == ack_->lacking.end())
      ack_->lacking.push_back(service);
  lacking_.clear();
}

Outcomes Receiver::take_outcomes() {
  while (const forward::CheckOutcome* outcome = shared_.outcomes.front()) {
    if (outcome->acknowledges != 0) {
      on_applied(*outcome);
      shared_.outcomes.pop();
      continue;
    }
    // Unasked, once: until then the peer believes that they are equal.
    const bool is_news = outcome->asked || confirmed_[outcome->service][outcome->range];
    confirmed_[outcome->service].set(outcome->range, outcome->equal);
    if (!outcome->equal && is_news) counters_.differed++;
    if (const auto number = peers_number_.find(outcome->service);
        is_news && number != peers_number_.end())
      outcomes_.outcomes.push_back(
          {number->second, outcome->range, outcome->equal ? Verdict::equal : Verdict::differs});
    shared_.outcomes.pop();
  }
  return std::exchange(outcomes_, {});
}

// ---- Repairs

void Receiver::on(const RepairBegin& repair) {
  const PeerService* service = service_of(repair.service);
  if (service == nullptr || service->local == 0) return;
  if (is_empty(service->local, repair.ranges)) return;  // nothing could be too much
  repairs_[service->local] = {repair.ranges, {}};
}

// Once all that came before is applied.
bool Receiver::is_empty(std::uint16_t service, const Ranges& ranges) const {
  if (!shared_.changes.empty()) return false;
  for (unsigned range = 0; range < ranges.size(); range++)
    if (ranges[range] && shared_.sums.sum(service, range) != 0) return false;
  return true;
}

void Receiver::note_repair(const FlowId& id, bool is_there) {
  if (repairs_.empty()) return;
  const auto repair = repairs_.find(id.service);
  if (repair == repairs_.end()) return;
  const std::uint64_t hash = shared_.sums.hash(id);
  if (!repair->second.ranges[forward::FlowSums::range_of(hash)]) return;
  if (is_there)
    repair->second.came.insert(hash);
  else
    repair->second.came.erase(hash);
}

void Receiver::on(const RepairEnd& repair) {
  const PeerService* service = service_of(repair.service);
  if (service != nullptr && repairs_.contains(service->local)) ending_ = service->local;
}

// Once the data thread has applied all that came before the end.
void Receiver::sweep_after_repair() {
  const auto repair = repairs_.find(*ending_);
  const auto remove_if_not_named = [&](const FlowId& id) {
    if (id.service != *ending_) return;
    const std::uint64_t hash = shared_.sums.hash(id);
    if (!repair->second.ranges[forward::FlowSums::range_of(hash)]) return;
    if (repair->second.came.contains(hash)) return;
    ReplicaChange change;
    change.kind = ReplicaChange::Kind::remove;
    change.flow = id;
    waiting_.push_back(change);
    counters_.swept++;
  };
  const auto look = [&](const auto& flow) { remove_if_not_named(forward::id_of(flow.key)); };
  forwarder_.flows4().for_each(look);
  forwarder_.flows6().for_each(look);
  repairs_.erase(repair);
  ending_.reset();
}

void Receiver::push(const ReplicaChange& change) {
  if (!waiting_.empty() || !shared_.changes.push(change)) waiting_.push_back(change);
}

bool Receiver::push_waiting() {
  while (!waiting_.empty() && shared_.changes.push(waiting_.front())) waiting_.pop_front();
  return waiting_.empty();
}

// What this node decides meanwhile is in no part of a repair, which would sweep it once the peer has the
// lease again.
void Receiver::give_up_repairs(MonotonicTime now) {
  std::erase_if(repairs_, [&](const auto& repair) {
    return holds_lease(forwarder_.env(), repair.first, to_ns(now));
  });
  if (ending_ && !repairs_.contains(*ending_)) ending_.reset();
}

void Receiver::go_on(MonotonicTime now) {
  rounds_++;
  if (!repairs_.empty()) give_up_repairs(now);
  if (!push_waiting() || !ending_ || !shared_.changes.empty()) return;
  sweep_after_repair();
  push_waiting();
}

template void Receiver::on(const Flows<4>&);
template void Receiver::on(const Flows<6>&);
template void Receiver::on(const Gone<4>&);
template void Receiver::on(const Gone<6>&);
template void Receiver::on(const Clients<4>&);
template void Receiver::on(const Clients<6>&);

}  // namespace tandem::sync
