// SPDX-License-Identifier: Apache-2.0
// What becomes of flows, and of what they hold: their charge at a backend, a client's next hop, a
// source port.
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
  if (service == nullptr || adopting_) return;
  if (change == flow::FlowChange::counted) return service->scheduler->charge(flow.backend);
  if (flow.counted || change == flow::FlowChange::uncounted)
    service->scheduler->close(flow.backend);
  if (change == flow::FlowChange::gone) release(*service, flow.extra, flow.source);
}

// ---- After a restart

bool Forwarder::hold(const Service& service, std::uint16_t number, std::uint16_t extra,
                     std::uint8_t source) {
  if (service.settings.mode == TD_MODE_NAT) return hops_.hold(extra);
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
  return true;
}

std::uint32_t Forwarder::adopt() {
  adopting_ = true;
  flows4_.for_each([this](const auto& flow) {
    if (!adopt<flow::FlowTable4>(flow)) flows4_.erase(flow.key);
  });
  flows6_.for_each([this](const auto& flow) {
    if (!adopt<flow::FlowTable6>(flow)) flows6_.erase(flow.key);
  });
  adopting_ = false;
  hops_.let_go();
  return flows4_.flows() + flows6_.flows();
}

// ---- A service goes

template <class Table>
void Forwarder::forget(Table& table, std::uint16_t service) {
  table.for_each([&](const auto& flow) {
    if (service_of(flow.key) == service) table.erase(flow.key);
  });
}

template void Forwarder::on_change<flow::FlowTable4>(const flow::FlowTable4::Flow&,
                                                     flow::FlowChange);
template void Forwarder::on_change<flow::FlowTable6>(const flow::FlowTable6::Flow&,
                                                     flow::FlowChange);
template void Forwarder::forget(flow::FlowTable4&, std::uint16_t);
template void Forwarder::forget(flow::FlowTable6&, std::uint16_t);

}  // namespace tandem::forward
