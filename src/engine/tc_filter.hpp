// SPDX-License-Identifier: Apache-2.0
// A BPF program as a filter of tc's on an interface: td_egress (bpf/tandem.bpf.c) on the way out; on the
// way in td_answers after an end of the daemon, td_wait (bpf/sockets.bpf.c) while DPDK opens the device.
#pragma once

#include <cstdint>

#include "base/result.hpp"

namespace tandem::engine {

enum class TcDirection : std::uint8_t { in, out };

class TcFilter {
 public:
  TcFilter() = default;
  // program: its file descriptor, which stays the caller's.
  TcFilter(int program, TcDirection direction) : program_(program), direction_(direction) {}

  // Attaches it, or takes the place of one that an earlier process left.
  Result<void> attach(unsigned ifindex) const;
  // Whether this program is there. false also where the kernel has no tc filters.
  [[nodiscard]] bool is_attached(unsigned ifindex) const;
  // The qdisc that the filter hangs on stays: others may use it too.
  static void detach(unsigned ifindex, TcDirection direction);

 private:
  int program_ = -1;
  TcDirection direction_ = TcDirection::out;
};

}  // namespace tandem::engine
