// SPDX-License-Identifier: Apache-2.0
// The workers and ports of the dpdk engine; the xdp engine has none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::observe {

struct WorkerView {
  bool stalled = false;
  std::uint64_t rounds = 0;
  std::uint64_t bursts = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t tx_full = 0;  // not sent: the queue had no room
  std::uint64_t no_port = 0;  // not sent: no such port
  std::uint64_t handed_over = 0;
  std::uint64_t overrun = 0;  // not handed over: its ring was full
};

struct PortView {
  std::string name;
  std::uint64_t missed = 0;    // workers are too slow
  std::uint64_t no_frame = 0;  // no packet buffer was free
};

struct EngineView {
  std::vector<WorkerView> workers;  // by number
  std::vector<PortView> ports;
};

}  // namespace tandem::observe
