// SPDX-License-Identifier: Apache-2.0
// Least connections as its definition reads: look at every backend, compare loads as fractions.
// Shares no code with the scheduler, not even the formula of slow start.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "balance/backend.hpp"

namespace tandem::balance {

class Oracle {
 public:
  explicit Oracle(Duration slow_start = {}) : slow_start_(slow_start) {}

  void set(const Backend& backend) { entries_[backend.slot].backend = backend; }
  void remove(std::uint16_t slot) { entries_.erase(slot); }
  void charge(std::uint16_t slot) { change(slot, 1); }
  void close(std::uint16_t slot) { change(slot, -1); }

  [[nodiscard]] std::uint64_t active(std::uint16_t slot) const { return entries_.at(slot).active; }
  [[nodiscard]] const auto& entries() const { return entries_; }

  [[nodiscard]] bool eligible(std::uint16_t slot) const { return eligible(entries_.at(slot)); }

  // Of two eligible backends: the first has a smaller load than the second.
  [[nodiscard]] bool less(std::uint16_t a, std::uint16_t b, MonotonicTime now) const {
    return less(entries_.at(a), entries_.at(b), now);
  }

  // The eligible one of the least load; of equals the one whose count has not changed for longest.
  [[nodiscard]] std::optional<std::uint16_t> least(MonotonicTime now) const {
    const Entry* best = nullptr;
    for (const auto& [slot, entry] : entries_)
      if (eligible(entry) && (best == nullptr || before(entry, *best, now))) best = &entry;
    if (best == nullptr) return std::nullopt;
    return best->backend.slot;
  }

 private:
  __extension__ using Wide = unsigned __int128;
  struct Entry {
    Backend backend;
    std::uint64_t active = 0;
    std::uint64_t changed = 0;  // the event that changed it last
  };

  void change(std::uint16_t slot, int by) {
    Entry& entry = entries_.at(slot);
    entry.active += static_cast<std::uint64_t>(by);
    entry.changed = ++events_;
  }
  [[nodiscard]] static bool eligible(const Entry& e) {
    const Backend& b = e.backend;
    return b.state == State::up && b.weight > 0 &&
           (b.max_connections == 0 || e.active < b.max_connections);
  }
  [[nodiscard]] bool less(const Entry& a, const Entry& b, MonotonicTime now) const {
    return Wide{a.active} * weight(b.backend, now) < Wide{b.active} * weight(a.backend, now);
  }
  [[nodiscard]] bool before(const Entry& a, const Entry& b, MonotonicTime now) const {
    if (less(a, b, now)) return true;
    return !less(b, a, now) && a.changed < b.changed;
  }

  // In 1/256: one step at the start, 256 for the last 1/256 of the ramp and after it.
  [[nodiscard]] std::uint64_t weight(const Backend& b, MonotonicTime now) const {
    const bool ramps = slow_start_ != Duration::zero() && b.up_since != MonotonicTime::min();
    if (!ramps || now - b.up_since >= slow_start_) return b.weight * std::uint64_t{256};
    std::uint64_t steps = 1;
    while (steps < 256 && grown(b, steps, now)) steps++;
    return b.weight * steps;
  }
  // So many 256ths of the ramp are over.
  [[nodiscard]] bool grown(const Backend& b, std::uint64_t steps, MonotonicTime now) const {
    return (now - b.up_since) * 256 >= slow_start_ * static_cast<std::int64_t>(steps);
  }

  Duration slow_start_;
  std::uint64_t events_ = 0;
  std::map<std::uint16_t, Entry> entries_;
};

}  // namespace tandem::balance
