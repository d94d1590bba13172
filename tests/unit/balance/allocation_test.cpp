// SPDX-License-Identifier: Apache-2.0
// Picks and closes run for each new flow: they must not allocate.
#include <gtest/gtest.h>

#include <vector>

#include "allocations.hpp"
#include "balance/affinity.hpp"
#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;

class Allocations : public testing::TestWithParam<SchedulerKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Allocations, testing::ValuesIn(kAllKinds), name_of);

TEST_P(Allocations, AreNotNeededByFlowsNotEvenInSlowStart) {
  constexpr int kBackends = 300, kFlows = 5'000;
  Scheduler scheduler(GetParam(), {.slow_start = 10s});
  Affinity affinity(100, 60s, 1);
  for (int slot = 0; slot < kBackends; slot++) {
    Backend backend = up(slot, static_cast<std::uint16_t>(1 + slot % 7), slot % 3 == 0 ? 20 : 0);
    backend.up_since = kStart + std::chrono::milliseconds(10 * slot);
    scheduler.set(backend, kStart);
  }
  rebuild(scheduler, MaglevTable::size_for(kBackends));
  std::vector<std::uint16_t> open(kFlows);
  const IpAddress client = IpAddress::parse("192.0.2.1").value();
  Flows flows(1);

  const std::size_t before = allocations();
  for (int i = 0; i < 4 * kFlows; i++) {
    std::uint16_t& flow = open[static_cast<std::size_t>(i % kFlows)];
    if (i >= kFlows) scheduler.close(flow);
    const MonotonicTime now = kStart + std::chrono::milliseconds(i);
    const FlowHash hash = flows.next();
    (void)scheduler.hash_pick(hash);
    flow = i % 10 == 0 ? pick(scheduler, affinity, client, hash, now).value()
                       : scheduler.pick(hash, now).value();
  }
  EXPECT_EQ(allocations(), before);
}

}  // namespace
}  // namespace tandem::balance
