// SPDX-License-Identifier: Apache-2.0
// What becomes of flows, and of what they hold: their charge at a backend, a client's next hop, a
// source port.
#include <algorithm>
#include <atomic>

#include "forward/forwarder.hpp"

namespace tandem::forward {
namespace {

std::uint16_t service_of(std::uint64_t key) {
  return static_cast<std::uint16_t>(key);
}
std::uint16_t service_of(const td_flow6_key& key) {
  return static_cast<std::uint16_t>(key.id);
}

}  // namespace

td_source* Forwarder::source_at(const Service& service, std::uint8_t source,
                                std::uint16_t port) const {
  const auto& slots = service.settings.sources;
  if (source >= slots.size()) return nullptr;
  return td_source_at(&memory_.env, slots[source] * std::uint32_t{TD_SOURCE_PORTS} + port);
}

void Forwarder::release(const Service& service, std::uint16_t extra, std::uint8_t source) {
  if (service.settings.mode == TD_MODE_NAT) hops_.release(extra);
  if (service.settings.mode != TD_MODE_FULLNAT) return;
  td_source* record = source_at(service, source, extra);
  if (record == nullptr) return;
  const std::uint16_t hop = record->hop;
  std::atomic_ref(record->service).store(0, std::memory_order_release);
  hops_.release(hop);
  ports_[service.settings.sources[source]].give(extra);
}

template <class Table>
void Forwarder::on_change(const typename Table::Flow& flow, flow::FlowChange change) {
  const Service* service = service_at(service_of(flow.key));
  if (service == nullptr || !adopted_) return;
  if (change == flow::FlowChange::counted) return service->scheduler->charge(flow.backend);
  if (flow.counted || change == flow::FlowChange::uncounted)
    service->scheduler->close(flow.backend);
  if (change != flow::FlowChange::gone) return;
  release(*service, flow.extra, flow.source);
  if (replication_ != nullptr) count_out<Table>(flow);
}

// ---- Source ports

std::uint32_t Forwarder::stray_ports() const {
  std::uint32_t strays = 0;
  for (const PortPool& pool : ports_) strays += pool.strays();
  return strays;
}

std::vector<bool> Forwarder::taken_ports() const {
  std::vector<bool> taken(PortPool::kLast + 1);
  for (const PortPool& pool : ports_)
    for (std::uint32_t port = PortPool::kFirst; pool.taken() > 0 && port <= PortPool::kLast; port++)
      if (pool.is_taken(static_cast<std::uint16_t>(port))) taken[port] = true;
  return taken;
}

// ---- Next hops of clients

// The next hop to the client that a flow has; 0: none.
std::uint16_t Forwarder::hop_of(std::uint16_t number, std::uint16_t extra,
                                std::uint8_t source) const {
  const Service* service = service_at(number);
  if (service == nullptr) return 0;
  if (service->settings.mode == TD_MODE_NAT) return extra;
  if (service->settings.mode != TD_MODE_FULLNAT) return 0;
  const td_source* record = source_at(*service, source, extra);
  return record != nullptr ? record->hop : std::uint16_t{0};
}

// Of the flows in a part of the table that give way to others, and alone have their next hop, the
// one that lay idle longest goes. Neighbours of connections stay.
template <class Table>
bool Forwarder::free_hop(Table& table) {
  constexpr std::uint32_t kHopLooks = 128;
  std::optional<typename Table::Key> oldest;
  flow::Tick idle = 0;
  const std::uint32_t first = hop_looks_ % table.buckets();
  table.for_each_in(first, kHopLooks, [&](const auto& flow) {
    const std::uint16_t hop = hop_of(service_of(flow.key), flow.extra, flow.source);
    const auto age = static_cast<flow::Tick>(tick_ - flow.stamp);
    if (hop == 0 || hops_.users(hop) != 1 || (oldest && age <= idle) || !table.gives_way(flow))
      return;
    oldest = flow.key;
    idle = age;
  });
  hop_looks_ += kHopLooks;
  return oldest && table.give_way(*oldest);
}

std::optional<std::uint16_t> Forwarder::acquire_hop(const td_hop& hop) {
  auto number = hops_.acquire(hop);
  if (!number && (free_hop(flows4_) || free_hop(flows6_))) number = hops_.acquire(hop);
  return number;
}

// ---- After a restart

bool Forwarder::hold(const Service& service, std::uint16_t number, std::uint16_t extra,
                     std::uint8_t source) {
  if (service.settings.mode == TD_MODE_NAT) return extra == 0 || hops_.hold(extra);
  if (service.settings.mode != TD_MODE_FULLNAT) return true;
  const td_source* record = source_at(service, source, extra);
  if (record == nullptr || record->service != number || !hops_.hold(record->hop)) return false;
  if (ports_[service.settings.sources[source]].hold(extra)) return true;
  hops_.release(record->hop);
  return false;
}

template <class Table>
bool Forwarder::adopt(const typename Table::Flow& flow) {
  const std::uint16_t number = service_of(flow.key);
  const Service* service = number < services_.size() ? service_at(number) : nullptr;
  if (service == nullptr || flow.backend >= backends_.size() || !backends_[flow.backend] ||
      backends_[flow.backend]->settings.service != number ||
      !hold(*service, number, flow.extra, flow.source))
    return false;
  if (flow.counted) service->scheduler->charge(flow.backend);
  if (replication_ != nullptr) count_in<Table>(flow.key, flow.backend, flow.extra);
  return true;
}

std::uint32_t Forwarder::adopt() {
  flows4_.for_each([this](const auto& flow) {
    if (!adopt<flow::FlowTable4>(flow)) flows4_.erase(flow.key);
  });
  flows6_.for_each([this](const auto& flow) {
    if (!adopt<flow::FlowTable6>(flow)) flows6_.erase(flow.key);
  });
  adopted_ = true;
  for (std::uint16_t slot = 1; slot < backends_.size(); slot++) recount(slot);
  hops_.let_go();
  return flows4_.flows() + flows6_.flows();
}

// ---- Flows that nobody serves any more

void Forwarder::forget_from_the_start() {
  forgetting_ = 0;
  forgets_ = true;
}

// Replicas are kept: their owner decides about them, and its checks may differ.
bool Forwarder::has_no_server(std::uint16_t number, std::uint16_t slot, std::uint8_t state) const {
  const Service* service = service_at(number);
  if (service == nullptr || service->going || !backends_[slot]) return true;
  if (service->settings.one_packet) return true;  // of before it was set
  const BackendSettings& backend = backends_[slot]->settings;
  const bool is_down = backend.balance.state == balance::State::down;
  if (replicas_[number] != 0 || !(is_down || backend.removed)) return false;
  if (service->settings.udp) return true;
  const bool is_half = state == TD_FLOW_SYN_SENT || state == TD_FLOW_JOINED;
  return is_down && (is_half || service->settings.ends_with_backend);
}

template <class Table>
void Forwarder::forget_in(Table& table, std::uint32_t buckets) {
  table.for_each_in(forgetting_, buckets, [&](const auto& flow) {
    if (has_no_server(service_of(flow.key), flow.backend, flow.state)) table.erase(flow.key);
  });
}

void Forwarder::forget_some(std::uint32_t buckets) {
  if (!forgets_) return;
  forget_in(flows4_, buckets);
  forget_in(flows6_, buckets);
  const std::uint32_t all = std::max(flows4_.buckets(), flows6_.buckets());
  forgets_ = buckets < all - forgetting_;
  forgetting_ += buckets;
  if (!forgets_) remove_those_going();
}

void Forwarder::remove_those_going() {
  for (std::uint16_t slot = 1; slot < backends_.size(); slot++)
    if (backends_[slot] && services_[backends_[slot]->settings.service]->going)
      remove_backend(slot);
  for (auto& service : services_)
    if (service && service->going) service.reset();
}

void Forwarder::remove_service(std::uint16_t number) {
  if (!services_[number]) return;
  services_[number]->going = true;
  forget_from_the_start();
}

template void Forwarder::on_change<flow::FlowTable4>(const flow::FlowTable4::Flow&,
                                                     flow::FlowChange);
template void Forwarder::on_change<flow::FlowTable6>(const flow::FlowTable6::Flow&,
                                                     flow::FlowChange);

}  // namespace tandem::forward
