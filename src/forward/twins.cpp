// SPDX-License-Identifier: Apache-2.0
// A server that is a backend of several services, as with two virtual addresses of which each node
// has one. With a peer ([sync]) the flows of both nodes are in the tables, and a server's load is
// all of them: least connections and max_connections of each of its services count the flows of the
// others (its twins) as well. Each scheduler tells of each change of its counts, which goes to the
// twins' schedulers at once, so that
//
//   Scheduler::elsewhere(slot) = sum of counts.active(twin), over the slot's twins
//
// at every moment. While there is no session with the peer its flows are not what they were: after
// kSession without one they count no more, as long as the peer decides about them.
#include <algorithm>

#include "forward/forwarder.hpp"

namespace tandem::forward {
namespace {

constexpr Duration kSession = std::chrono::seconds(30);

}  // namespace

bool Forwarder::counts_elsewhere(std::uint16_t service) const {
  return replicas_[service] == 0 || in_session_;
}

void Forwarder::count_at_twins(std::uint16_t slot, int change) {
  if (replication_ == nullptr || !adopted_ || !backends_[slot]) return;
  const BackendSettings& settings = backends_[slot]->settings;
  if (settings.twins.empty() || !counts_elsewhere(settings.service)) return;
  for (const std::uint16_t twin : settings.twins) {
    if (!backends_[twin]) continue;
    balance::Scheduler& scheduler = *services_[backends_[twin]->settings.service]->scheduler;
    if (change > 0)
      scheduler.charge_elsewhere(twin);
    else
      scheduler.close_elsewhere(twin);
  }
}

std::uint32_t Forwarder::elsewhere(std::uint16_t slot) const {
  std::uint32_t flows = 0;
  if (replication_ == nullptr || !adopted_) return flows;
  for (const std::uint16_t twin : backends_[slot]->settings.twins)
    if (backends_[twin] && counts_elsewhere(backends_[twin]->settings.service))
      flows += services_[backends_[twin]->settings.service]->scheduler->active(twin);
  return flows;
}

void Forwarder::recount(std::uint16_t slot) {
  if (replication_ == nullptr || !backends_[slot]) return;
  const Service* service = service_at(backends_[slot]->settings.service);
  if (service != nullptr && service->scheduler)
    service->scheduler->set_elsewhere(slot, elsewhere(slot));
}

void Forwarder::recount_twins_of(std::uint16_t service) {
  for (const auto& backend : backends_)
    if (backend && backend->settings.service == service)
      for (const std::uint16_t twin : backend->settings.twins) recount(twin);
}

void Forwarder::look_at_session(MonotonicTime now) {
  const auto heard = replication_->in_session_ns.load(std::memory_order_relaxed);
  const bool is_in = heard != 0 && to_ns(now) < heard + to_ns(MonotonicTime(kSession));
  if (std::exchange(in_session_, is_in) == is_in) return;
  for (std::uint16_t number = 1; number < services_.size(); number++)
    if (services_[number] && replicas_[number] != 0) recount_twins_of(number);
}

Forwarder::Sums Forwarder::sums_elsewhere() const {
  Sums sums;
  for (std::uint16_t slot = 1; slot < backends_.size(); slot++) {
    if (!backends_[slot]) continue;
    const std::uint16_t number = backends_[slot]->settings.service;
    sums.in_schedulers += services_[number]->scheduler->elsewhere(slot);
    if (replication_ == nullptr) continue;
    for (const std::uint16_t twin : backends_[slot]->settings.twins)
      if (backends_[twin] && counts_elsewhere(backends_[twin]->settings.service))
        sums.in_table += counts_.active(twin);
  }
  return sums;
}

}  // namespace tandem::forward
