// SPDX-License-Identifier: Apache-2.0
#include "balance/round_robin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;
using Weights = std::vector<std::uint16_t>;

std::string order_of(const Weights& weights, int picks) {
  Scheduler scheduler(SchedulerKind::round_robin);
  add(scheduler, weights);
  std::string order;
  for (int i = 0; i < picks; i++)
    order += static_cast<char>('a' + scheduler.pick({}, kStart).value());
  return order;
}

// After every pick, each one has had its share of all picks, one more or less at most.
void expect_smooth(const Weights& weights, int picks) {
  Scheduler scheduler(SchedulerKind::round_robin);
  add(scheduler, weights);
  std::int64_t all = 0;
  for (const auto weight : weights) all += weight;
  std::vector<std::int64_t> count(weights.size());
  for (std::int64_t i = 1; i <= picks; i++) {
    count[scheduler.pick({}, kStart).value()]++;
    for (std::size_t slot = 0; slot < weights.size(); slot++)
      ASSERT_LE(std::abs(count[slot] * all - i * weights[slot]), all) << slot << " after " << i;
  }
}

TEST(RoundRobin, TakesEqualOnesInTurn) {
  EXPECT_EQ(order_of({1, 1, 1}, 9), "abcabcabc");
}

TEST(RoundRobin, SpreadsTheHeavyOnesTurns) {
  EXPECT_EQ(order_of({5, 1, 1}, 14), "abaacaaabaacaa");
  EXPECT_EQ(order_of({4, 1, 1, 1, 1}, 8), "abacadae");
  EXPECT_EQ(order_of({1, 3}, 8), "babbbabb");
}

TEST(RoundRobin, IsNeverMoreThanOneOffItsShare) {
  expect_smooth({1, 2, 3, 4}, 1000);
  expect_smooth({5, 1, 1}, 1000);
  expect_smooth({100, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 1100);
  expect_smooth({65535, 1, 32768}, 200'000);
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; round++) {
    Weights weights(1 + random() % 20);
    for (auto& weight : weights) weight = static_cast<std::uint16_t>(1 + random() % 50);
    expect_smooth(weights, 2000);
  }
}

TEST(RoundRobin, DoesNotDriftInMillionsOfPicks) {
  Scheduler scheduler(SchedulerKind::round_robin);
  add(scheduler, Weights{3, 7, 11});
  for (int i = 0; i < 2'100'000; i++) scheduler.close(scheduler.pick({}, kStart).value());
  std::vector<int> count(3);
  for (int i = 0; i < 2100; i++) count[scheduler.pick({}, kStart).value()]++;
  EXPECT_EQ(count, (std::vector{300, 700, 1100}));
}

TEST(RoundRobin, SharesTheTurnsOfOneThatIsGoneAndTakesItBack) {
  Scheduler scheduler(SchedulerKind::round_robin);
  add(scheduler, Weights{1, 2, 3});
  pick_many(scheduler, 7);
  scheduler.set(in_state(State::down, 2, 3), kStart);
  EXPECT_EQ(pick_many(scheduler, 300), (std::map<int, int>{{0, 100}, {1, 200}}));
  scheduler.set(up(2, 3), kStart);
  const auto shared = pick_many(scheduler, 600);
  EXPECT_NEAR(shared.at(0), 100, 1);
  EXPECT_NEAR(shared.at(1), 200, 1);
  EXPECT_NEAR(shared.at(2), 300, 1);
}

// They leave with every pick and come back with every close: that must not move them to the front.
TEST(RoundRobin, GivesFullOnesNoMoreThanTheirShare) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 50; round++) {
    Scheduler scheduler(SchedulerKind::round_robin);
    std::vector<int> weights(5), count(5);
    for (int slot = 0; slot < 5; slot++) {
      weights[slot] = static_cast<int>(1 + random() % 12);
      scheduler.set(up(slot, static_cast<std::uint16_t>(weights[slot]), slot < 3 ? 1 : 0), kStart);
    }
    const int all = std::accumulate(weights.begin(), weights.end(), 0);
    for (int i = 0; i < 100 * all; i++) {
      const auto slot = scheduler.pick({}, kStart).value();
      scheduler.close(slot);
      count[slot]++;
    }
    for (int slot = 0; slot < 5; slot++)
      EXPECT_NEAR(count[slot] / 100.0 / all, weights[slot] / double(all), 0.002) << slot;
  }
}

TEST(RoundRobin, KeepsToTheWeightsOfTenThousand) {
  Weights weights(10'000);
  int all = 0;
  for (std::size_t i = 0; i < weights.size(); i++) {
    weights[i] = static_cast<std::uint16_t>(i % 5 + 1);
    all += weights[i];
  }
  Scheduler scheduler(SchedulerKind::round_robin);
  add(scheduler, weights);
  for (const auto& [slot, picks] : pick_many(scheduler, 2 * all))
    EXPECT_EQ(picks, 2 * weights[static_cast<std::size_t>(slot)]) << slot;
}

}  // namespace
}  // namespace tandem::balance
