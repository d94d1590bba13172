// SPDX-License-Identifier: Apache-2.0
// A flow table in memory of the test's own, for IPv4 and for IPv6.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "flow/flow_table.hpp"

namespace tandem::flow {

struct V4 {
  using Layout = FlowLayout4;
  // Different in address, port and service, as they come.
  static std::uint64_t key(std::uint32_t n) {
    return td_flow4_key(0xc0000200 + n % 61, static_cast<std::uint16_t>(n / 61 % 60'000),
                        static_cast<std::uint16_t>(1 + n / 3'660'000));
  }
};

struct V6 {
  using Layout = FlowLayout6;
  static td_flow6_key key(std::uint32_t n) {
    return {{0x20010db800000000ULL | n % 7, n / 7 % 9}, (n / 63 % 60'000) << 16 | 1};
  }
};

inline constexpr Duration kTick = std::chrono::milliseconds(256);
inline constexpr std::uint32_t kShift = 6;

template <class V>
class Rig {
 public:
  using Layout = typename V::Layout;
  using Table = FlowTable<Layout>;
  using Flow = typename Table::Flow;
  using Outcome = typename Table::Outcome;
  using Seeds = typename Table::Seeds;
  struct Change {
    Flow flow;
    FlowChange what;
  };

  static constexpr Seeds kSeeds{0x9ae16a3b2f90404f, 0xc3a5c85c97cb3127, 0xb492b66fbe98f273,
                                0x9fb21c651e98df25, 0x2545f4914f6cdd1d, 0xd6e8feb86659fd93};

  explicit Rig(std::uint32_t capacity = Table::kLeastFlows, const Seeds& seeds = kSeeds)
      : bytes_(Table::elements_for(capacity) * Table::kElementBytes),
        memory_(static_cast<std::byte*>(std::aligned_alloc(Table::kElementBytes, bytes_)),
                std::free) {
    open();
    const auto created = table_->create(capacity, kShift, seeds);
    EXPECT_TRUE(created) << created.error().message;
  }

  // As after a restart: a new object on the same memory, which knows nothing.
  Result<typename Table::Adopted> restart(Tick now = 0, std::uint32_t shift = kShift) {
    open();
    return table_->adopt(shift, now);
  }

  // Finds a flow as the data path does.
  std::optional<td_flow_hit> look(const typename Table::Key& key) const {
    td_flow_hit hit{};
    const auto where = Layout::where(head(), key);
    return Layout::find(hit, memory_.get(), where, key) ? std::optional(hit) : std::nullopt;
  }
  // A TCP segment of the flow, which must be there.
  td_flow_seen segment(const typename Table::Key& key, Tick now, std::uint8_t flags,
                       int from = TD_FROM_CLIENT) const {
    auto hit = look(key);
    EXPECT_TRUE(hit);
    return hit ? td_flow_see_tcp(&*hit, now, flags, from, 1) : TD_FLOW_NEW;
  }

  // Whether the counts are those of the table.
  void check_counts() const {
    std::vector<std::uint32_t> total(FlowCounts::kBackends), active(FlowCounts::kBackends);
    std::uint32_t flows = 0;
    table_->for_each([&](const Flow& flow) {
      flows++;
      total[flow.backend]++;
      active[flow.backend] += flow.counted;
    });
    EXPECT_EQ(table_->flows(), flows);
    for (std::size_t b = 0; b < FlowCounts::kBackends; b++) {
      const auto backend = static_cast<std::uint16_t>(b);
      ASSERT_EQ(counts().total(backend), total[b]) << "backend " << b;
      ASSERT_EQ(counts().active(backend), active[b]) << "backend " << b;
    }
  }

  typename Layout::Bucket* elements() const {
    return reinterpret_cast<typename Layout::Bucket*>(memory_.get());
  }
  const td_flow_head& head() const { return *reinterpret_cast<const td_flow_head*>(memory_.get()); }
  Table& table() const { return *table_; }
  const FlowCounts& counts() const { return *counts_; }
  std::vector<Change>& changes() { return changes_; }

 private:
  void open() {
    changes_.clear();
    counts_ = std::make_unique<FlowCounts>();
    table_.emplace(std::span(memory_.get(), bytes_), *counts_,
                   [this](const Flow& flow, FlowChange what) {
                     changes_.push_back({flow, what});
                   });
  }

  std::size_t bytes_;
  std::unique_ptr<std::byte, void (*)(void*)> memory_;
  std::unique_ptr<FlowCounts> counts_;
  mutable std::optional<Table> table_;
  std::vector<Change> changes_;
};

inline IdleTicks idle_limits(const FlowTimeouts& timeouts = {}) {
  return IdleTicks::from(timeouts, kTick).value();
}

using Families = testing::Types<V4, V6>;

struct FamilyNames {
  template <class V>
  static std::string GetName(int) {
    return std::is_same_v<V, V4> ? "IPv4" : "IPv6";
  }
};

}  // namespace tandem::flow
