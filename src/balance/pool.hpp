// SPDX-License-Identifier: Apache-2.0
// The backends of one service, found by slot, with what a scheduler keeps about each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "balance/backend.hpp"
#include "balance/heap.hpp"

namespace tandem::balance {

struct Member {
  Backend backend;
  std::uint32_t active = 0;     // flows charged and not closed
  std::uint32_t elsewhere = 0;  // that the same server has through other services
  std::uint32_t weight = 0;     // in force, in 1/kRampSteps of backend.weight (slow_start.hpp)
  std::uint16_t index = 0;      // below Pool::capacity(): the place of its node in a strategy
  bool joined = false;          // the strategy may choose it

  MonotonicTime next_step = kNever;  // of its slow start
  HeapPlace ramp_place = kNotInHeap;

  // Up with a weight: what both nodes agree about. Not whether it is full.
  [[nodiscard]] bool serving() const noexcept {
    return backend.state == State::up && backend.weight > 0;
  }
  [[nodiscard]] bool full() const noexcept {
    return backend.max_connections != 0 && load() >= backend.max_connections;
  }
  [[nodiscard]] std::uint32_t load() const noexcept { return active + elsewhere; }
  [[nodiscard]] bool eligible() const noexcept { return serving() && !full(); }
};

// Members stay where they are in memory for as long as they exist. The table of slots is as long
// as the slots of a service are apart: give a service neighbouring ones.
class Pool {
 public:
  // Null if there is none.
  [[nodiscard]] Member* find(std::uint16_t slot) const noexcept {
    const std::size_t at = static_cast<std::size_t>(slot) - first_slot_;  // below first: wraps
    return at < by_slot_.size() ? by_slot_[at] : nullptr;
  }
  Member& add(std::uint16_t slot);  // must not be there yet
  void erase(Member& member);

  [[nodiscard]] std::size_t capacity() const noexcept { return members_.size(); }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Member* member : by_slot_)
      if (member != nullptr) visit(*member);
  }

 private:
  void make_room_for(std::uint16_t slot);

  std::deque<Member> members_;
  std::vector<std::uint16_t> unused_;  // indices into members_
  std::vector<Member*> by_slot_;       // from first_slot_ on
  std::size_t first_slot_ = 0;
};

}  // namespace tandem::balance
