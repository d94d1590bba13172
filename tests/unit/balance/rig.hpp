// SPDX-License-Identifier: Apache-2.0
// What the tests of the schedulers share: backends, instants, and a scheduler filled with them.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "balance/scheduler.hpp"

namespace tandem::balance::rig {

using namespace std::chrono_literals;

inline constexpr MonotonicTime kStart = MonotonicTime(1000s);

inline constexpr SchedulerKind kAllKinds[] = {SchedulerKind::least_conn, SchedulerKind::round_robin,
                                              SchedulerKind::maglev,     SchedulerKind::source_hash,
                                              SchedulerKind::sed,        SchedulerKind::nq};

inline std::string name_of(const testing::TestParamInfo<SchedulerKind>& info) {
  return std::vector{
      "least_conn", "round_robin", "maglev", "source_hash", "sed", "nq"}[static_cast<std::size_t>(
      info.param)];
}

// Far apart and in no order, as hashes are.
inline std::uint64_t identity_of(std::uint16_t slot) {
  return (slot + 1) * 0xd1342543de82ef95ULL;
}

inline Backend up(int number, std::uint16_t weight = 1, std::uint32_t max = 0) {
  const auto slot = static_cast<std::uint16_t>(number);
  return {.slot = slot,
          .identity = identity_of(slot),
          .weight = weight,
          .max_connections = max,
          .state = State::up};
}

inline Backend in_state(State state, int slot, std::uint16_t weight = 1) {
  Backend backend = up(slot, weight);
  backend.state = state;
  return backend;
}

// Has hash picks go by the backends that serve now. size: of the table, a prime above their number.
inline void rebuild(Scheduler& scheduler, std::size_t size = MaglevTable::size_for(0)) {
  scheduler.install(MaglevTable(scheduler.candidates(), size));
}

// Backends up in the slots 0, 1, ... with these weights.
inline void add(Scheduler& scheduler, std::span<const std::uint16_t> weights) {
  for (std::uint16_t slot = 0; slot < weights.size(); slot++)
    scheduler.set(up(slot, weights[slot]), kStart);
  rebuild(scheduler, MaglevTable::size_for(weights.size()));
}

class Flows {
 public:
  explicit Flows(std::uint64_t seed) : random_(seed) {}
  FlowHash next() { return {random_(), random_()}; }

 private:
  std::mt19937_64 random_;
};

// How often each slot comes out of so many picks that stay open.
inline std::map<int, int> pick_many(Scheduler& scheduler, int picks, std::uint64_t seed = 1) {
  Flows flows(seed);
  std::map<int, int> picked;
  for (int i = 0; i < picks; i++) picked[scheduler.pick(flows.next(), kStart).value()]++;
  return picked;
}

}  // namespace tandem::balance::rig
