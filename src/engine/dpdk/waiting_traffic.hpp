// SPDX-License-Identifier: Apache-2.0
// TCP and UDP that come in on a device wait while DPDK opens it: its AF_XDP driver wants a device that
// has no XDP program, and the kernel would answer or forward as they are the packets of connections that
// outlive a restart. What is dropped is sent again.
#pragma once

#include "base/result.hpp"

struct sockets_bpf;

namespace tandem::engine {

class WaitingTraffic {
 public:
  // From now on, until the object's end; after a crash for some seconds.
  explicit WaitingTraffic(unsigned ifindex);
  ~WaitingTraffic();
  WaitingTraffic(const WaitingTraffic&) = delete;
  WaitingTraffic& operator=(const WaitingTraffic&) = delete;

  // Error: nothing waits, as the kernel refused the program or has no tc filters.
  [[nodiscard]] const Result<void>& state() const { return state_; }

 private:
  [[nodiscard]] Result<void> begin();

  unsigned ifindex_;
  sockets_bpf* program_;
  Result<void> state_;
};

}  // namespace tandem::engine
