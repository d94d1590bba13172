// SPDX-License-Identifier: Apache-2.0
// The scheduler of one service: picks a backend for each new flow and counts the flows of each.
//
// A flow is charged to its backend when it is decided where it goes, and closed when it counts no
// more: active(slot) is the number of flows charged and not closed, whatever the backend's state.
// A server may have flows through other services as well (at the other node of a pair, too). The
// caller tells of them; they weigh as its own do, for its limit and for least connections, and are
// not part of active().
//
// A backend is eligible if it is up, has a weight, and is below its max_connections; others are
// never picked. A backend's slot and identity belong together until remove().
//
// One thread owns a scheduler. Time is an argument, and must not go back. pick(), peek(),
// hash_pick(), charge() and close() do not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "balance/backend.hpp"
#include "balance/maglev_table.hpp"
#include "balance/pool.hpp"
#include "balance/scheduler_kind.hpp"
#include "balance/slow_start.hpp"
#include "balance/strategy.hpp"

namespace tandem::balance {

struct Options {
  // 0: none (slow_start.hpp). Hash tables always go by the whole weights, or nodes would differ.
  Duration slow_start{};
};

class Scheduler {
 public:
  // change: 1 or -1, whenever active(slot) has changed by it. Must not call this scheduler.
  using Counted = std::function<void(std::uint16_t slot, int change)>;

  explicit Scheduler(SchedulerKind kind, const Options& options = {}, Counted counted = {});
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Adds a backend, or changes all of it but its identity; flows stay charged. Hash picks avoid a
  // backend from the moment it stops serving, but count on a new one, or a new weight, only after
  // the next install().
  void set(const Backend& backend, MonotonicTime now);
  // Forgets a backend that has no active flows; the caller sees to it that no others refer to it.
  void remove(std::uint16_t slot);

  // The table of hash picks: made of these candidates, on another thread if there is one.
  [[nodiscard]] std::vector<MaglevTable::Candidate> candidates() const;
  void install(MaglevTable table);
  [[nodiscard]] const MaglevTable& table() const noexcept { return table_; }

  // The backend of a new flow, charged; none if no backend is eligible.
  [[nodiscard]] std::optional<std::uint16_t> pick(const FlowHash& hash, MonotonicTime now);
  // The one that pick() would return now.
  [[nodiscard]] std::optional<std::uint16_t> peek(const FlowHash& hash, MonotonicTime now);
  // The backend of a flow that must not be scheduled: it depends on the backends that serve and on
  // the hash alone, so that both nodes answer alike; max_connections does not matter. By the
  // client's address for source_hash, by the five-tuple for all others. It is not charged.
  [[nodiscard]] std::optional<std::uint16_t> hash_pick(const FlowHash& hash) const;

  // One flow more (restored, synced, by hash or affinity) and one flow less. The slot must be
  // known, and none may be closed that was not charged.
  void charge(std::uint16_t slot);
  void close(std::uint16_t slot);

  // The flows of the same server through other services: one more or less, or all of them. Of a slot
  // that is not known, nothing.
  void charge_elsewhere(std::uint16_t slot);
  void close_elsewhere(std::uint16_t slot);
  void set_elsewhere(std::uint16_t slot, std::uint32_t flows);
  [[nodiscard]] std::uint32_t elsewhere(std::uint16_t slot) const noexcept;

  [[nodiscard]] bool knows(std::uint16_t slot) const noexcept;
  [[nodiscard]] bool eligible(std::uint16_t slot) const noexcept;         // false if not known
  [[nodiscard]] std::uint32_t active(std::uint16_t slot) const noexcept;  // 0 if not known
  // Of all backends, counted anew: at any moment the counted flows in the flow table. O(n).
  [[nodiscard]] std::uint64_t sum_of_active() const noexcept;

 private:
  Member& add(std::uint16_t slot);
  void put_in_force(Member& member, MonotonicTime now);
  void recounted(Member& member);
  void grow(MonotonicTime now);

  SchedulerKind kind_;
  Counted counted_;
  Pool pool_;
  std::size_t reserved_ = 0;
  std::size_t serving_ = 0;
  MaglevTable table_;
  SlowStart slow_start_;
  std::unique_ptr<Strategy> strategy_;
};

}  // namespace tandem::balance
