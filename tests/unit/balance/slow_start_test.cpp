// SPDX-License-Identifier: Apache-2.0
#include "balance/slow_start.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;

constexpr Duration kRamp = 10s;

Backend came_up(std::uint16_t slot, MonotonicTime when, std::uint16_t weight = 1) {
  Backend backend = up(slot, weight);
  backend.up_since = when;
  return backend;
}

TEST(SlowStart, FollowsTheLineFromAboveByOneStepAtMost) {
  const SlowStart slow_start(kRamp);
  const Backend backend = came_up(0, kStart, 1000);
  for (Duration elapsed{}; elapsed < kRamp; elapsed += 7ms) {
    const double line = 1000.0 * static_cast<double>(elapsed.count()) / kRamp.count();
    const double weight = slow_start.weight_of(backend, kStart + elapsed) / double{kRampSteps};
    EXPECT_GT(weight, line);
    EXPECT_LE(weight, line + 1000.0 / kRampSteps);
  }
  EXPECT_EQ(slow_start.weight_of(backend, kStart - 1h), 1000U);  // not up yet: the first step
  EXPECT_EQ(slow_start.weight_of(backend, kStart + kRamp), 1000U * kRampSteps);
  EXPECT_EQ(slow_start.weight_of(backend, kStart + 1h), 1000U * kRampSteps);
}

TEST(SlowStart, IsNoneWithoutADurationOrAnInstant) {
  EXPECT_EQ(SlowStart(0s).weight_of(came_up(0, kStart), kStart), kRampSteps);
  EXPECT_EQ(SlowStart(kRamp).weight_of(up(0), kStart), kRampSteps);
}

// Each step is due at the instant from which on the weight is greater, and not before.
TEST(SlowStart, StepsAtTheInstantTheWeightGrows) {
  for (const Duration ramp :
       {Duration(10s), Duration(999'999'937ns), Duration(300ns), Duration(7ns)}) {
    SlowStart slow_start(ramp);
    Member member;
    member.backend = came_up(0, kStart);
    slow_start.watch(member, kStart);
    std::uint32_t weight = slow_start.weight_of(member.backend, kStart);
    while (member.next_step != kNever) {
      const MonotonicTime due = member.next_step;
      EXPECT_EQ(slow_start.weight_of(member.backend, due - 1ns), weight);
      EXPECT_EQ(slow_start.due(due - 1ns), nullptr);
      EXPECT_EQ(slow_start.due(due), &member);
      EXPECT_GT(slow_start.weight_of(member.backend, due), weight);
      weight = slow_start.weight_of(member.backend, due);
    }
    EXPECT_EQ(weight, kRampSteps);
    EXPECT_EQ(slow_start.due(kStart + 24h), nullptr);
  }
}

// Four that have 1,000 flows each, and one that comes up: its flows follow the ramp.
TEST(SlowStart, KeepsANewBackendFromTakingAllNewFlows) {
  Scheduler scheduler(SchedulerKind::least_conn, {.slow_start = kRamp});
  for (std::uint16_t slot = 0; slot < 4; slot++) {
    scheduler.set(up(slot), kStart);
    for (int i = 0; i < 1000; i++) scheduler.charge(slot);
  }
  scheduler.set(came_up(4, kStart), kStart);
  for (int second = 0; second <= 10; second++) {
    const MonotonicTime now = kStart + std::chrono::seconds(second);
    // Flows come and go until nothing changes: each old one ends, a new one is picked.
    for (int i = 0; i < 3000; i++) {
      scheduler.close(static_cast<std::uint16_t>(i % 4));
      (void)scheduler.pick({}, now);
    }
    const double others = (4000.0 - scheduler.active(4)) / 4;
    const double share = scheduler.active(4) / others;
    EXPECT_NEAR(share, second / 10.0, 1.0 / kRampSteps + 0.005) << second;
  }
  EXPECT_EQ(scheduler.active(4), 800U);
}

TEST(SlowStart, GivesANewBackendFewerTurns) {
  Scheduler scheduler(SchedulerKind::round_robin, {.slow_start = kRamp});
  scheduler.set(up(0, 100), kStart);
  scheduler.set(came_up(1, kStart, 100), kStart);
  const auto turns_of_new_one = [&scheduler](Duration elapsed) {
    int turns = 0;
    for (int i = 0; i < 1500; i++) turns += scheduler.pick({}, kStart + elapsed) == 1;
    return turns;
  };
  EXPECT_NEAR(turns_of_new_one(0s), 1500 / 257.0, 1);
  EXPECT_NEAR(turns_of_new_one(5s), 1500 * 129 / 385.0, 1);
  EXPECT_NEAR(turns_of_new_one(10s), 750, 1);
}

TEST(SlowStart, GoesOnWhileTheBackendIsFullAndEndsWhenItGoes) {
  Scheduler scheduler(SchedulerKind::least_conn, {.slow_start = kRamp});
  scheduler.set(up(0), kStart);
  Backend limited = came_up(1, kStart);
  limited.max_connections = 1;
  scheduler.set(limited, kStart);
  pick_many(scheduler, 10);
  EXPECT_EQ(scheduler.active(1), 1U);
  EXPECT_EQ(scheduler.pick({}, kStart + 9s), 0);  // steps without having joined
  scheduler.close(1);
  EXPECT_EQ(scheduler.pick({}, kStart + 20s), 1);
  scheduler.close(1);
  scheduler.set(came_up(1, kStart + 20s), kStart + 20s);
  scheduler.remove(1);  // in the middle of its ramp
  EXPECT_EQ(scheduler.pick({}, kStart + 25s), 0);
}

TEST(SlowStart, DoesNotBendHashes) {
  Scheduler scheduler(SchedulerKind::maglev, {.slow_start = kRamp});
  scheduler.set(up(0), kStart);
  scheduler.set(came_up(1, kStart), kStart);
  rebuild(scheduler);
  EXPECT_NEAR(pick_many(scheduler, 10'000).at(1), 5000, 250);
}

}  // namespace
}  // namespace tandem::balance
