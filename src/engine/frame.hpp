// SPDX-License-Identifier: Apache-2.0
// A frame in a buffer of an engine's, from receive() or make() until send() or release().
#pragma once

#include <cstdint>

namespace tandem::engine {

// Bytes that are free before a frame that came in: tags and outer headers go there.
inline constexpr std::uint32_t kHeadroom = 256;

// Of an Ethernet header with two tags.
inline constexpr std::uint32_t kMostEthernet = 14 + 2 * 4;

// Of a device that the dpdk engine takes frames from over AF_XDP: a frame of DPDK's is within a page.
inline constexpr std::uint32_t kLargestWorkerFrame = 3712;
inline constexpr std::uint32_t kLargestWorkerMtu = kLargestWorkerFrame - kHeadroom - kMostEthernet;

struct Frame {
  std::uint8_t* data = nullptr;
  std::uint32_t length = 0;  // without FCS
  std::uint32_t device = 0;  // ifindex it came in on
  // The buffer: the frame may be moved, may grow and shrink within [first, last).
  std::uint8_t* first = nullptr;
  std::uint8_t* last = nullptr;
  void* owner = nullptr;  // the engine's own
};

}  // namespace tandem::engine
