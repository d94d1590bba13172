// SPDX-License-Identifier: Apache-2.0
// What every scheduler promises, whichever way it chooses.
#include "balance/scheduler.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;
using Weights = std::vector<std::uint16_t>;

class EveryScheduler : public testing::TestWithParam<SchedulerKind> {
 protected:
  Scheduler scheduler_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryScheduler, testing::ValuesIn(kAllKinds), name_of);

TEST_P(EveryScheduler, PicksNobodyOfNobody) {
  EXPECT_FALSE(scheduler_.pick({}, kStart));
  EXPECT_FALSE(scheduler_.peek({}, kStart));
  EXPECT_EQ(scheduler_.sum_of_active(), 0U);
}

TEST_P(EveryScheduler, PicksOnlyWhoIsUpWithAWeight) {
  scheduler_.set(in_state(State::draining, 1), kStart);
  scheduler_.set(in_state(State::down, 2), kStart);
  scheduler_.set(up(3, 0), kStart);
  rebuild(scheduler_);
  EXPECT_FALSE(scheduler_.pick({}, kStart));
  scheduler_.set(up(4), kStart);
  rebuild(scheduler_);
  EXPECT_EQ(pick_many(scheduler_, 50), (std::map<int, int>{{4, 50}}));
  EXPECT_TRUE(scheduler_.eligible(4));
  for (std::uint16_t slot = 1; slot < 4; slot++) EXPECT_FALSE(scheduler_.eligible(slot));
}

TEST_P(EveryScheduler, ChargesWhomItPicks) {
  add(scheduler_, Weights{1, 5, 2});
  const auto picked = pick_many(scheduler_, 800);
  for (const auto& [slot, count] : picked)
    EXPECT_EQ(scheduler_.active(static_cast<std::uint16_t>(slot)), static_cast<unsigned>(count));
  EXPECT_EQ(scheduler_.sum_of_active(), 800U);
}

TEST_P(EveryScheduler, PeeksAtWhatItWouldPick) {
  add(scheduler_, Weights{1, 5, 2});
  Flows flows(8);
  for (int i = 0; i < 200; i++) {
    const FlowHash flow = flows.next();
    const auto peeked = scheduler_.peek(flow, kStart);
    EXPECT_EQ(scheduler_.peek(flow, kStart), peeked);
    EXPECT_EQ(scheduler_.pick(flow, kStart), peeked);
  }
}

TEST_P(EveryScheduler, NeverGoesAboveMaxConnections) {
  for (unsigned slot = 0; slot < 4; slot++)
    scheduler_.set(up(static_cast<int>(slot), 1, 10 * slot), kStart);
  scheduler_.set(up(0, 1, 5), kStart);
  rebuild(scheduler_);
  EXPECT_EQ(pick_many(scheduler_, 65), (std::map<int, int>{{0, 5}, {1, 10}, {2, 20}, {3, 30}}));
  EXPECT_FALSE(scheduler_.pick({}, kStart));
  scheduler_.close(2);
  EXPECT_EQ(scheduler_.pick({}, kStart), 2);
  scheduler_.charge(3);  // flows that were not picked are counted above it, too
  EXPECT_EQ(scheduler_.active(3), 31U);
  scheduler_.close(3);
  EXPECT_FALSE(scheduler_.pick({}, kStart));
  scheduler_.set(up(1, 1, 3), kStart);
  for (int i = 0; i < 7; i++) scheduler_.close(1);
  EXPECT_FALSE(scheduler_.pick({}, kStart));
  scheduler_.close(1);
  EXPECT_EQ(scheduler_.pick({}, kStart), 1);
}

TEST_P(EveryScheduler, CountsTheFlowsOfADrainingOneUntilItCanGo) {
  add(scheduler_, Weights{1, 1});
  pick_many(scheduler_, 100);
  const auto left = scheduler_.active(0);
  scheduler_.set(in_state(State::draining, 0), kStart);
  pick_many(scheduler_, 10);
  EXPECT_EQ(scheduler_.active(0), left);
  for (std::uint32_t i = 0; i < left; i++) scheduler_.close(0);
  scheduler_.remove(0);
  EXPECT_FALSE(scheduler_.knows(0));
  EXPECT_EQ(scheduler_.sum_of_active(), 110 - left);
  EXPECT_EQ(pick_many(scheduler_, 5), (std::map<int, int>{{1, 5}}));
}

TEST_P(EveryScheduler, GivesAFreeSlotToAnotherBackend) {
  add(scheduler_, Weights{1, 1});
  scheduler_.remove(1);
  Backend other = up(1, 3);
  other.identity = 4711;
  scheduler_.set(other, kStart);
  rebuild(scheduler_);
  EXPECT_EQ(pick_many(scheduler_, 400).size(), 2U);
}

TEST_P(EveryScheduler, FindsSlotsWhereverTheyAre) {
  for (const int slot : {40'000, 65'535, 0, 7}) scheduler_.set(up(slot), kStart);
  rebuild(scheduler_);
  EXPECT_EQ(pick_many(scheduler_, 400).size(), 4U);
  for (const int slot : {1, 6, 8, 39'999, 40'001, 65'534})
    EXPECT_FALSE(scheduler_.knows(static_cast<std::uint16_t>(slot)));
}

TEST_P(EveryScheduler, GivesTheSameAnswersToTheSameEvents) {
  Scheduler twin(GetParam());
  add(scheduler_, Weights{3, 1, 4, 1, 5, 9});
  add(twin, Weights{3, 1, 4, 1, 5, 9});
  std::mt19937_64 random(6);
  for (int i = 0; i < 2000; i++) {
    const FlowHash flow{random(), random()};
    const auto slot = scheduler_.pick(flow, kStart);
    ASSERT_EQ(slot, twin.pick(flow, kStart));
    if (random() % 3 == 0) continue;
    scheduler_.close(*slot);
    twin.close(*slot);
  }
}

TEST_P(EveryScheduler, KeepsItsCountsWhateverHappens) {
  std::mt19937_64 random(12);
  std::vector<std::uint16_t> open;
  for (int i = 0; i < 20'000; i++) {
    const auto slot = static_cast<std::uint16_t>(random() % 40);
    switch (random() % 8) {
      case 0:
        scheduler_.set(up(slot, static_cast<std::uint16_t>(random() % 4),
                          static_cast<std::uint32_t>(random() % 50)),
                       kStart);
        break;
      case 1:
        if (scheduler_.knows(slot)) scheduler_.set(in_state(State::draining, slot), kStart);
        break;
      case 2:
        if (scheduler_.knows(slot) && scheduler_.active(slot) == 0) scheduler_.remove(slot);
        if (i % 10 == 0) rebuild(scheduler_);
        break;
      case 3:
      case 4:
        if (open.empty()) break;
        std::swap(open[random() % open.size()], open.back());
        scheduler_.close(open.back());
        open.pop_back();
        break;
      default:
        if (const auto picked = scheduler_.pick({random(), random()}, kStart))
          open.push_back(*picked);
    }
    ASSERT_EQ(scheduler_.sum_of_active(), open.size()) << i;
  }
  for (const auto slot : open) scheduler_.close(slot);
  EXPECT_EQ(scheduler_.sum_of_active(), 0U);
}

using MisuseOfAScheduler = EveryScheduler;
INSTANTIATE_TEST_SUITE_P(Kinds, MisuseOfAScheduler, testing::ValuesIn(kAllKinds), name_of);

TEST_P(MisuseOfAScheduler, IsAsserted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  add(scheduler_, Weights{1});
  EXPECT_DEATH(scheduler_.close(0), "active > 0");
  EXPECT_DEATH(scheduler_.close(1), "member != nullptr");
  EXPECT_DEATH(scheduler_.charge(1), "member != nullptr");
  scheduler_.charge(0);
  EXPECT_DEATH(scheduler_.remove(0), "active == 0");
  Backend other = up(0);
  other.identity++;
  EXPECT_DEATH(scheduler_.set(other, kStart), "identity");
}

// ---- Flows of the same server through other services

TEST(Scheduler, GoesByTheFlowsOfAServerThroughOtherServices) {
  Scheduler scheduler(SchedulerKind::least_conn);
  for (int slot = 0; slot < 2; slot++) scheduler.set(up(slot, 1, 5), kStart);
  for (int i = 0; i < 3; i++) scheduler.charge_elsewhere(0);
  for (int i = 0; i < 3; i++) EXPECT_EQ(scheduler.pick({}, kStart), 1);
  EXPECT_EQ(scheduler.active(0), 0U);
  EXPECT_EQ(scheduler.elsewhere(0), 3U);
  EXPECT_EQ(scheduler.sum_of_active(), 3U);
  scheduler.set_elsewhere(1, 2);  // full
  EXPECT_FALSE(scheduler.eligible(1));
  EXPECT_EQ(scheduler.pick({}, kStart), 0);
  EXPECT_EQ(scheduler.pick({}, kStart), 0);
  EXPECT_FALSE(scheduler.pick({}, kStart));
  scheduler.close_elsewhere(1);
  EXPECT_EQ(scheduler.pick({}, kStart), 1);
}

TEST(Scheduler, TellsOfEachChangeOfItsCounts) {
  std::vector<int> told(2);
  Scheduler scheduler(SchedulerKind::round_robin, {},
                      [&](std::uint16_t slot, int change) { told[slot] += change; });
  for (int slot = 0; slot < 2; slot++) scheduler.set(up(slot), kStart);
  for (int i = 0; i < 4; i++) (void)scheduler.pick({}, kStart);
  scheduler.charge(0);
  scheduler.close(1);
  scheduler.charge_elsewhere(0);
  EXPECT_EQ(told, (std::vector<int>{3, 1}));
  EXPECT_EQ(scheduler.active(0), 3U);
}

}  // namespace
}  // namespace tandem::balance
