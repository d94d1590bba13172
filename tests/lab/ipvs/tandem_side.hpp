// SPDX-License-Identifier: Apache-2.0
// Tandem's answers to a trace: its scheduler and its table of IPv4 flows, on a clock that a trace
// moves. Put together as their headers say: a SYN that finds no flow, or one that is over, is
// scheduled and inserted; what the data path finds is taken into account by td_flow_see_tcp(), an
// end is reviewed at once, and the sweep goes round each second.
#pragma once

#include <memory>

#include "balance/scheduler.hpp"
#include "flow/flow_table.hpp"
#include "trace.hpp"

namespace tandem::ipvs {

class TandemSide final : public Side {
 public:
  TandemSide();
  void add(std::uint16_t backend, std::uint16_t weight, std::uint32_t max) override;
  void weigh(std::uint16_t backend, std::uint16_t weight) override;
  std::optional<std::uint16_t> segment(std::uint32_t flow, std::uint8_t flags) override;
  void wait(std::uint32_t seconds) override;
  std::vector<Count> counts() override;
  std::vector<Seen> flows() override;

 private:
  using Table = flow::FlowTable4;

  [[nodiscard]] flow::Tick tick() const;
  std::optional<std::uint16_t> schedule(std::uint64_t key);
  void changed(const Table::Flow& flow, flow::FlowChange what);

  MonotonicTime now_{};
  flow::IdleTicks limits_;
  std::vector<balance::Backend> backends_;
  balance::Scheduler scheduler_{balance::Kind::least_conn};
  flow::FlowCounts counts_;
  std::unique_ptr<std::byte, void (*)(void*)> memory_;
  Table table_;
};

}  // namespace tandem::ipvs
