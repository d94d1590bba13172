// SPDX-License-Identifier: Apache-2.0
// The filter on the way out of an interface (td_egress in bpf/tandem.bpf.c), by tc.
#pragma once

#include "base/result.hpp"

namespace tandem::engine {

class EgressFilter {
 public:
  EgressFilter() = default;
  // program: the file descriptor of td_egress, which stays the caller's.
  explicit EgressFilter(int program) : program_(program) {}

  // Attaches it, or takes the place of one that an earlier process left.
  Result<void> attach(unsigned ifindex) const;
  // Whether this program is there. false also where the kernel has no tc filters.
  [[nodiscard]] bool is_attached(unsigned ifindex) const;
  // The qdisc that the filter hangs on stays: others may use it too.
  static void detach(unsigned ifindex);

 private:
  int program_ = -1;
};

}  // namespace tandem::engine
