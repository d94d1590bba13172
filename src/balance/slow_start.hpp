// SPDX-License-Identifier: Apache-2.0
// Slow start: the weight of a backend that came up grows to the whole of it in a given time.
//
// It grows in kRampSteps equal steps, the first at once: `elapsed` after it came up a weight w is
// in force as w * (1 + floor(elapsed * kRampSteps / duration)) / kRampSteps, and as w from the
// end on. So the weight in force is never below the straight line from 0 to w, never more than
// w / kRampSteps above it, and between two steps every comparison of loads is exact.
#pragma once

#include <cstdint>

#include "balance/heap.hpp"
#include "balance/pool.hpp"
#include "base/time.hpp"

namespace tandem::balance {

inline constexpr std::uint32_t kRampSteps = 256;

class SlowStart {
 public:
  // duration: of the ramp; 0 or less: there is none, and whole weights are in force at once.
  explicit SlowStart(Duration duration) : duration_(duration) {}

  // For as many members without allocating.
  void reserve(std::size_t members) { ramping_.reserve(members); }

  // The weight that is in force for it at `now`, in 1/kRampSteps.
  [[nodiscard]] std::uint32_t weight_of(const Backend& backend, MonotonicTime now) const noexcept;

  // Keeps its weight growing from here on, if it is ramping; stop() before it is erased.
  void watch(Member& member, MonotonicTime now);
  void stop(Member& member) noexcept;

  // A member whose weight has to grow by `now`, with its next step planned; null if there is none.
  // O(log n) each, and at most kRampSteps of them for a member's whole ramp.
  [[nodiscard]] Member* due(MonotonicTime now) { return now < next_ ? nullptr : step(now); }

 private:
  struct Sooner {
    bool operator()(const Member& a, const Member& b) const noexcept {
      return a.next_step < b.next_step;
    }
  };

  [[nodiscard]] std::uint32_t steps(const Backend& backend, MonotonicTime now) const noexcept;
  [[nodiscard]] MonotonicTime after(const Backend& backend, MonotonicTime now) const noexcept;
  Member* step(MonotonicTime now);
  void plan() noexcept { next_ = ramping_.empty() ? kNever : ramping_.top().next_step; }

  Duration duration_;
  Heap<Member, &Member::ramp_place, Sooner> ramping_;
  MonotonicTime next_ = kNever;
};

}  // namespace tandem::balance
