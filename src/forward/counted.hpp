// SPDX-License-Identifier: Apache-2.0
// What an engine has counted, all of its parts together.
//
// A frame counts once under what became of it. One that is handed on counts besides under the
// reason that says so (punt/miss: to the thread of the forwarder; take/worker: to a worker). So
//
//   frames that came in  ==  decided() + those lost before they were decided + those that wait
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tandem/abi.h"

namespace tandem::forward {

[[nodiscard]] inline bool is_handed_on(std::size_t reason) {
  return td_is_punt(static_cast<__u32>(reason)) || reason == TD_TAKE_WORKER;
}

// Frames that got lost at one place for one reason.
struct Loss {
  std::string place;     // "AF_XDP", "worker 0", "port eth1"
  std::string reason;    // "ring_full"
  std::string sentence;  // goes on after their number: "frames were lost on eth1: ..."
  std::uint64_t count = 0;
  bool decided = true;  // they count by reason already: lost on the way out
};

struct Counted {
  std::array<std::uint64_t, TD_REASON_COUNT> packets{};  // by enum td_reason
  std::vector<Loss> losses;                              // those of count 0 too

  template <class Counts>
  void add(const Counts& by_reason) {
    for (std::size_t i = 0; i < packets.size(); i++) packets[i] += by_reason[i];
  }
  [[nodiscard]] std::uint64_t decided() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < packets.size(); i++)
      if (!is_handed_on(i)) sum += packets[i];
    return sum;
  }
};

[[nodiscard]] inline td_traffic sum_of(const td_traffic& a, const td_traffic& b) {
  return {.in_packets = a.in_packets + b.in_packets,
          .in_bytes = a.in_bytes + b.in_bytes,
          .out_packets = a.out_packets + b.out_packets,
          .out_bytes = a.out_bytes + b.out_bytes};
}

}  // namespace tandem::forward
