// SPDX-License-Identifier: Apache-2.0
// How many flows each backend has in the flow tables of both families.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace tandem::flow {

// One thread, the tables' writer, changes them; any may read.
class FlowCounts {
 public:
  static constexpr std::size_t kBackends = 65536;  // as many as an entry can name

  // Flows with a mapping; and those of them that count for scheduling.
  [[nodiscard]] std::uint32_t total(std::uint16_t backend) const {
    return total_[backend].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t active(std::uint16_t backend) const {
    return active_[backend].load(std::memory_order_relaxed);
  }

 private:
  template <class Layout>
  friend class FlowTable;
  using Counter = std::atomic<std::uint32_t>;

  // There is one writer: no locked instruction is needed.
  static void change(Counter& counter, int by) {
    counter.store(counter.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(by),
                  std::memory_order_relaxed);
  }

  std::vector<Counter> total_ = std::vector<Counter>(kBackends);
  std::vector<Counter> active_ = std::vector<Counter>(kBackends);
};

}  // namespace tandem::flow
