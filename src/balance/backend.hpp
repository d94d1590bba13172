// SPDX-License-Identifier: Apache-2.0
// A backend as a scheduler sees it, and the hashes of a flow it may be picked by.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace tandem::balance {

enum class State : std::uint8_t {
  up,        // gets new flows
  draining,  // keeps the flows it has
  down,
};

struct Backend {
  std::uint16_t slot = 0;      // the caller's name for it, stable while any flow refers to it
  std::uint64_t identity = 0;  // hash of (service, address, port), the same on both nodes
  std::uint16_t weight = 1;    // 0 gets no new flows, like draining
  std::uint32_t max_connections = 0;  // 0: no limit
  State state = State::down;
  // Since when it is up; slow start counts from here. The default is long ago.
  MonotonicTime up_since = MonotonicTime::min();

  bool operator==(const Backend&) const = default;
};

// Hashes of a flow's addresses, the same on both nodes, all 64 bits of them well mixed.
struct FlowHash {
  std::uint64_t five_tuple = 0;
  std::uint64_t source = 0;  // of the client's address alone
};

}  // namespace tandem::balance
