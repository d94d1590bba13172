// SPDX-License-Identifier: Apache-2.0
#include "balance/scheduler.hpp"

#include <bit>
#include <cassert>
#include <utility>

#include "balance/hash_pick.hpp"
#include "balance/least_conn.hpp"
#include "balance/round_robin.hpp"

namespace tandem::balance {
namespace {

std::uint64_t FlowHash::*key_of(SchedulerKind kind) noexcept {
  return kind == SchedulerKind::source_hash ? &FlowHash::source : &FlowHash::five_tuple;
}

std::unique_ptr<Strategy> make(SchedulerKind kind, const Pool& pool, const MaglevTable& table) {
  switch (kind) {
    case SchedulerKind::least_conn:
      return std::make_unique<LeastConn>();
    case SchedulerKind::sed:
      return std::make_unique<LeastConn>(LeastConn::Measure::expected_delay);
    case SchedulerKind::nq:
      return std::make_unique<LeastConn>(LeastConn::Measure::idle_first);
    case SchedulerKind::round_robin:
      return std::make_unique<RoundRobin>();
    case SchedulerKind::maglev:
    case SchedulerKind::source_hash:
      break;
  }
  return std::make_unique<HashPick>(key_of(kind), pool, table);
}

std::optional<std::uint16_t> slot_of(const Member* member) noexcept {
  if (member == nullptr) return std::nullopt;
  return member->backend.slot;
}

}  // namespace

Scheduler::Scheduler(SchedulerKind kind, const Options& options, Counted counted)
    : kind_(kind),
      counted_(std::move(counted)),
      slow_start_(options.slow_start),
      strategy_(make(kind, pool_, table_)) {}

Scheduler::~Scheduler() = default;

void Scheduler::set(const Backend& backend, MonotonicTime now) {
  Member* known = pool_.find(backend.slot);
  assert(known == nullptr || known->backend.identity == backend.identity);
  if (known != nullptr && known->backend == backend) return;
  Member& member = known != nullptr ? *known : add(backend.slot);

  if (std::exchange(member.joined, false)) strategy_->leave(member);
  serving_ -= member.serving();
  member.backend = backend;
  serving_ += member.serving();
  put_in_force(member, now);
  if (member.serving())
    slow_start_.watch(member, now);
  else
    slow_start_.stop(member);
}

void Scheduler::remove(std::uint16_t slot) {
  Member* member = pool_.find(slot);
  assert(member != nullptr && member->active == 0);
  if (std::exchange(member->joined, false)) strategy_->leave(*member);
  slow_start_.stop(*member);
  serving_ -= member->serving();
  pool_.erase(*member);
}

std::vector<MaglevTable::Candidate> Scheduler::candidates() const {
  std::vector<MaglevTable::Candidate> found;
  found.reserve(serving_);
  pool_.for_each([&found](const Member& member) {
    const Backend& b = member.backend;
    if (member.serving()) found.push_back({b.identity, b.weight, b.slot});
  });
  return found;
}

void Scheduler::install(MaglevTable table) {
  table_ = std::move(table);
}

std::optional<std::uint16_t> Scheduler::pick(const FlowHash& hash, MonotonicTime now) {
  grow(now);
  const Member* chosen = strategy_->choose(hash);
  if (chosen == nullptr) return std::nullopt;
  Member& member = *pool_.find(chosen->backend.slot);
  member.active++;
  strategy_->picked(member);
  if (member.full()) {
    strategy_->leave(member);
    member.joined = false;
  }
  if (counted_) counted_(member.backend.slot, 1);
  return member.backend.slot;
}

std::optional<std::uint16_t> Scheduler::peek(const FlowHash& hash, MonotonicTime now) {
  grow(now);
  return slot_of(strategy_->choose(hash));
}

std::optional<std::uint16_t> Scheduler::hash_pick(const FlowHash& hash) const {
  if (serving_ == 0) return std::nullopt;
  const auto serving = [](const Member& member) { return member.serving(); };
  return slot_of(walk(table_, pool_, hash.*key_of(kind_), serving));
}

void Scheduler::charge(std::uint16_t slot) {
  Member* member = pool_.find(slot);
  assert(member != nullptr);
  member->active++;
  recounted(*member);
  if (counted_) counted_(slot, 1);
}

void Scheduler::close(std::uint16_t slot) {
  Member* member = pool_.find(slot);
  assert(member != nullptr && member->active > 0);
  member->active--;
  recounted(*member);
  if (counted_) counted_(slot, -1);
}

void Scheduler::charge_elsewhere(std::uint16_t slot) {
  Member* member = pool_.find(slot);
  if (member == nullptr) return;
  member->elsewhere++;
  recounted(*member);
}

void Scheduler::close_elsewhere(std::uint16_t slot) {
  Member* member = pool_.find(slot);
  if (member == nullptr || member->elsewhere == 0) return;
  member->elsewhere--;
  recounted(*member);
}

void Scheduler::set_elsewhere(std::uint16_t slot, std::uint32_t flows) {
  Member* member = pool_.find(slot);
  if (member == nullptr || member->elsewhere == flows) return;
  if (std::exchange(member->joined, false)) strategy_->leave(*member);
  member->elsewhere = flows;
  member->joined = member->eligible();
  if (member->joined) strategy_->join(*member);
}

std::uint32_t Scheduler::elsewhere(std::uint16_t slot) const noexcept {
  const Member* member = pool_.find(slot);
  return member == nullptr ? 0 : member->elsewhere;
}

bool Scheduler::knows(std::uint16_t slot) const noexcept {
  return pool_.find(slot) != nullptr;
}

bool Scheduler::eligible(std::uint16_t slot) const noexcept {
  const Member* member = pool_.find(slot);
  return member != nullptr && member->eligible();
}

std::uint32_t Scheduler::active(std::uint16_t slot) const noexcept {
  const Member* member = pool_.find(slot);
  return member == nullptr ? 0 : member->active;
}

std::uint64_t Scheduler::sum_of_active() const noexcept {
  std::uint64_t sum = 0;
  pool_.for_each([&sum](const Member& member) { sum += member.active; });
  return sum;
}

// Down, as a new backend is by default.
Member& Scheduler::add(std::uint16_t slot) {
  Member& member = pool_.add(slot);
  if (pool_.capacity() > reserved_) {
    reserved_ = std::bit_ceil(pool_.capacity());
    strategy_->reserve(reserved_);
    slow_start_.reserve(reserved_);
  }
  return member;
}

// The weight of this instant; the strategy does not know the member at the time.
void Scheduler::put_in_force(Member& member, MonotonicTime now) {
  member.weight = slow_start_.weight_of(member.backend, now);
  member.joined = member.eligible();
  if (member.joined) strategy_->join(member);
}

// After a count changed by one: the member may have become full, or no longer be.
void Scheduler::recounted(Member& member) {
  const bool eligible = member.eligible();
  if (member.joined && eligible) return strategy_->recounted(member);
  if (member.joined)
    strategy_->leave(member);
  else if (eligible)
    strategy_->join(member);
  member.joined = eligible;
}

// Slow start: every weight becomes that of this instant.
void Scheduler::grow(MonotonicTime now) {
  while (Member* member = slow_start_.due(now)) {
    if (std::exchange(member->joined, false)) strategy_->leave(*member);
    put_in_force(*member, now);
  }
}

}  // namespace tandem::balance
