// SPDX-License-Identifier: Apache-2.0
// A trace answered by Tandem: frames through the packet core, and those that it hands up through
// the forwarder, on a clock that the trace moves.
#pragma once

#include "service_node.hpp"
#include "trace.hpp"

namespace tandem::ipvs {

class TandemSide final : public Side {
 public:
  TandemSide();
  void add(std::uint16_t backend, std::uint16_t weight) override;
  std::optional<std::uint16_t> segment(std::uint32_t flow, std::uint8_t flags) override;
  void wait(std::uint32_t seconds) override;
  std::vector<Count> counts() override;

 private:
  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode all_{now_};
  std::vector<std::uint16_t> backends_;
};

}  // namespace tandem::ipvs
