// SPDX-License-Identifier: Apache-2.0
#include "forward/forwarder.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/random.hpp"

namespace tandem::forward {
namespace {

constexpr std::size_t kAffinityClients = 65536;  // held at most, for each service
constexpr std::uint32_t kForgetting = 16;        // times as fast as the sweep

template <class Record>
void overwrite(Record& to, const Record& from) {
  auto* target = reinterpret_cast<std::uint64_t*>(&to);
  const auto* source = reinterpret_cast<const std::uint64_t*>(&from);
  for (std::size_t i = 0; i < sizeof(Record) / sizeof(std::uint64_t); i++)
    std::atomic_ref(target[i]).store(source[i], std::memory_order_release);
}

template <class Table>
Result<void> open_table(Table& table, std::uint32_t flows, std::uint32_t tick_shift,
                        flow::Tick now) {
  if (table.adopt(tick_shift, now)) return {};
  return table.create(flows, tick_shift, Table::random_seeds());
}

}  // namespace

Forwarder::Forwarder(const Memory& memory, const flow::IdleTicks& idle)
    : memory_(memory),
      idle_(idle),
      flows4_(memory.flow4, counts_,
              [this](const auto& flow, auto change) { on_change<flow::FlowTable4>(flow, change); }),
      flows6_(memory.flow6, counts_,
              [this](const auto& flow, auto change) { on_change<flow::FlowTable6>(flow, change); }),
      hops_({memory.env.hops, TD_MAX_HOPS}),
      ports_(memory.env.source_addresses),
      services_(TD_MAX_SERVICES),
      backends_(TD_MAX_BACKENDS),
      service_counts_(TD_MAX_SERVICES),
      backend_counts_(TD_MAX_BACKENDS) {
  flows4_.set_hears_server(hears_server_.data());
  flows6_.set_hears_server(hears_server_.data());
}

Forwarder::~Forwarder() = default;

Result<void> Forwarder::open(const Sizes& sizes, flow::Tick now) {
  tick_shift_ = sizes.tick_shift;
  for (PortPool& pool : ports_) pool.begin_at(sizes.first_port);
  hops_.adopt();
  if (auto opened = open_table(flows4_, sizes.flows4, sizes.tick_shift, now); !opened)
    return opened;
  auto opened = open_table(flows6_, sizes.flows6, sizes.tick_shift, now);
  adopted_ = flows4_.flows() + flows6_.flows() == 0;
  return opened;
}

void Forwarder::set_mtu(std::uint32_t ifindex, std::uint16_t mtu) {
  const auto known = std::ranges::find(devices_, ifindex, &Device::ifindex);
  if (known != devices_.end())
    known->mtu = mtu;
  else
    devices_.push_back({ifindex, mtu});
}

void Forwarder::set_service(std::uint16_t number, const ServiceSettings& settings,
                            MonotonicTime now) {
  auto& service = services_[number];
  if (service && service->going) forget_some(UINT32_MAX);
  if (!service) service = std::make_unique<Service>();
  const bool schedules_anew = !service->scheduler || service->settings.kind != settings.kind ||
                              service->settings.options.slow_start != settings.options.slow_start;
  if (service->settings.affinity != settings.affinity || !service->affinity)
    service->affinity = settings.affinity > Duration{}
                            ? std::make_unique<balance::Affinity>(kAffinityClients,
                                                                  settings.affinity, random_word())
                            : nullptr;
  if (settings.one_packet && !service->settings.one_packet) forget_from_the_start();
  service->settings = settings;
  if (settings.new_sources.empty())
    for (std::size_t i = 0; i < settings.sources.size(); i++)
      service->settings.new_sources.push_back(static_cast<std::uint8_t>(i));
  hears_server_[number] = settings.is_nat() ? 1 : 0;
  if (replication_ != nullptr) replication_->sums.set_service(number, settings.identity);
  if (!schedules_anew) return;
  auto scheduler = std::make_unique<balance::Scheduler>(
      settings.kind, settings.options,
      [this](std::uint16_t slot, int change) { count_at_twins(slot, change); });
  for (std::uint16_t slot = 1; slot < backends_.size(); slot++) {
    if (!backends_[slot] || backends_[slot]->settings.service != number) continue;
    scheduler->set(backends_[slot]->settings.balance, now);
    for (std::uint32_t i = counts_.active(slot); i > 0; i--) scheduler->charge(slot);
  }
  service->scheduler = std::move(scheduler);
  for (std::uint16_t slot = 1; slot < backends_.size(); slot++)
    if (backends_[slot] && backends_[slot]->settings.service == number) recount(slot);
  recount_twins_of(number);
}

void Forwarder::install(std::uint16_t number, balance::MaglevTable table) {
  if (services_[number]) services_[number]->scheduler->install(std::move(table));
}

// A reader finds the new record, or the old, or a mixture of both for a moment: addresses and ports
// of a slot never change, so that no mixture sends anything astray.
void Forwarder::write(std::uint16_t slot, const Backend& backend) {
  const BackendSettings& s = backend.settings;
  td_backend record{};
  std::ranges::copy(s.address.bytes(), record.address);
  if (!s.outer.is_unspecified()) std::ranges::copy(s.outer.bytes(), record.outer);
  record.family = static_cast<std::uint8_t>(s.address.family());
  record.port = s.port;
  record.service = s.service;
  record.hop = backend.hop;
  record.next_shared = s.next_shared;
  overwrite(memory_.env.backends[slot], record);
}

void Forwarder::set_backend(std::uint16_t slot, const BackendSettings& settings,
                            MonotonicTime now) {
  Service* service = service_at(settings.service);
  if (service == nullptr) return;
  auto& backend = backends_[slot];
  if (backend && backend->settings.service != settings.service) forget_some(UINT32_MAX);
  const bool is_new = !backend;
  if (is_new) backend = std::make_unique<Backend>();
  const std::uint16_t old_hop = backend->hop;
  const auto old_twins = std::exchange(backend->settings.twins, {});
  backend->settings = settings;
  backend->settings.balance.slot = slot;
  backend->hop = settings.hop ? acquire_hop(*settings.hop).value_or(0) : 0;
  if (backend->hop == 0) backend->settings.balance.state = balance::State::down;
  write(slot, *backend);
  if (replication_ != nullptr)
    replication_->sums.set_backend(slot, backend->settings.balance.identity);
  hops_.release(old_hop);
  service->scheduler->set(backend->settings.balance, now);
  if (replication_ != nullptr && (is_new || old_twins != settings.twins)) {
    recount(slot);
    for (const std::uint16_t twin : old_twins) recount(twin);
    for (const std::uint16_t twin : settings.twins) recount(twin);
  }
  if (service->affinity && is_new) service->affinity->forget(slot);
  const bool is_down = backend->settings.balance.state == balance::State::down;
  if ((is_down || settings.removed) && counts_.total(slot) > 0) forget_from_the_start();
}

void Forwarder::remove_backend(std::uint16_t slot) {
  if (!backends_[slot] || counts_.total(slot) != 0) return;
  if (Service* service = service_at(backends_[slot]->settings.service)) {
    if (service->scheduler->knows(slot)) service->scheduler->remove(slot);
    if (service->affinity) service->affinity->forget(slot);
  }
  overwrite(memory_.env.backends[slot], td_backend{});
  hops_.release(backends_[slot]->hop);
  for (const std::uint16_t twin : backends_[slot]->settings.twins)
    if (backends_[twin]) std::erase(backends_[twin]->settings.twins, slot);
  backends_[slot].reset();
}

void Forwarder::on_end(const td_flow_end& end, flow::Tick now) {
  if (end.family == TD_IPV4)
    flows4_.review(end.address[0] << 32 | end.id, now, idle_);
  else if (end.family == TD_IPV6)
    flows6_.review({{end.address[0], end.address[1]}, end.id}, now, idle_);
}

void Forwarder::sweep(std::uint32_t buckets, flow::Tick now) {
  tick_ = now;
  flows4_.sweep(buckets, now, idle_);
  flows6_.sweep(buckets, now, idle_);
  forget_some(buckets * kForgetting);
}

Forwarder::Sums Forwarder::sums() const {
  Sums sums;
  for (std::uint16_t slot = 1; slot < backends_.size(); slot++)
    if (backends_[slot]) sums.in_table += counts_.active(slot);
  for (const auto& service : services_)
    if (service) sums.in_schedulers += service->scheduler->sum_of_active();
  return sums;
}

bool Forwarder::eligible(std::uint16_t slot) const {
  const auto& backend = backends_[slot];
  return backend && services_[backend->settings.service] &&
         services_[backend->settings.service]->scheduler->eligible(slot);
}

}  // namespace tandem::forward
