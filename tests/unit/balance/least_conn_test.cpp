// SPDX-License-Identifier: Apache-2.0
// Weighted least connections by example; oracle_test.cpp compares it to its definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;
using Weights = std::vector<std::uint16_t>;

class LeastConnections : public testing::Test {
 protected:
  void fill(const Weights& weights) { add(scheduler_, weights); }
  std::uint16_t pick() { return scheduler_.pick({}, kStart).value(); }
  // A flow that ends before the next one begins.
  std::uint16_t pass() {
    const std::uint16_t slot = pick();
    scheduler_.close(slot);
    return slot;
  }

  Scheduler scheduler_{SchedulerKind::least_conn};
};

TEST_F(LeastConnections, SpreadsFourHundredOverFourEqualOnesEvenlyAtEveryMoment) {
  fill({1, 1, 1, 1});
  std::array<int, 4> count{};
  for (int i = 0; i < 400; i++) {
    count[pick()]++;
    EXPECT_LE(std::ranges::max(count) - std::ranges::min(count), 1);
  }
  EXPECT_EQ(count, (std::array{100, 100, 100, 100}));
}

TEST_F(LeastConnections, KeepsToTheWeightsAtEveryMoment) {
  fill({1, 2, 3, 4});
  std::array<int, 4> count{};
  for (int i = 1; i <= 1000; i++) {
    count[pick()]++;
    for (int slot = 0; slot < 4; slot++)
      EXPECT_LE(std::abs(10 * count[slot] - i * (slot + 1)), 10) << slot << " after " << i;
  }
  EXPECT_EQ(count, (std::array{100, 200, 300, 400}));
}

TEST_F(LeastConnections, FillsTheBackendWhoseFlowsEnded) {
  fill({1, 1, 1, 1});
  for (int i = 0; i < 400; i++) pick();
  for (int i = 0; i < 100; i++) scheduler_.close(2);
  for (int i = 0; i < 100; i++) EXPECT_EQ(pick(), 2);
  const std::array next = {pick(), pick(), pick(), pick()};
  EXPECT_TRUE(std::ranges::is_permutation(next, std::array{0, 1, 2, 3}));
}

TEST_F(LeastConnections, TakesTurnsAmongIdleEqualOnes) {
  fill({7, 7, 7, 7, 7});
  std::vector<int> order;
  for (int i = 0; i < 50; i++) order.push_back(pass());
  for (std::size_t i = 5; i < order.size(); i++) EXPECT_EQ(order[i], order[i - 5]);
  EXPECT_TRUE(
      std::is_permutation(order.begin(), order.begin() + 5, std::array{0, 1, 2, 3, 4}.begin()));
}

TEST_F(LeastConnections, TakesTurnsByWeightAmongIdleOnes) {
  const Weights weights = {1, 2, 3, 4, 4, 1};
  fill(weights);
  std::array<int, 6> count{};
  for (int i = 1; i <= 1500; i++) {
    count[pass()]++;
    for (std::size_t slot = 0; slot < weights.size(); slot++)
      EXPECT_LE(std::abs(15 * count[slot] - i * weights[slot]), 20) << slot << " after " << i;
  }
  EXPECT_EQ(count, (std::array{100, 200, 300, 400, 400, 100}));
}

// It was passed over a thousand times because it was busy: that gives it no claim.
TEST_F(LeastConnections, HasNoTurnsToCatchUpOn) {
  fill({1, 2, 4});
  std::array<int, 3> busy{};
  for (int i = 0; i < 3; i++) busy[pick()]++;
  ASSERT_EQ(busy, (std::array{1, 1, 1}));
  scheduler_.close(0);
  scheduler_.close(2);
  for (int i = 0; i < 1000; i++) EXPECT_NE(pass(), 1);
  scheduler_.close(1);
  std::array<int, 3> count{};
  for (int i = 0; i < 70; i++) count[pass()]++;
  EXPECT_NEAR(count[0], 10, 1);
  EXPECT_NEAR(count[1], 20, 1);
  EXPECT_NEAR(count[2], 40, 1);
}

TEST_F(LeastConnections, TakesTurnsOnWhenVirtualTimeStartsAgain) {
  fill({1, 2});
  for (int round = 0; round < 1'100'000; round++) {
    int first = 0;
    for (int i = 0; i < 3; i++) first += pass() == 0;
    ASSERT_EQ(first, 1) << round;
  }
}

TEST_F(LeastConnections, ComparesLoadsThatAreAlmostEqual) {
  fill({65535, 65534});
  for (int i = 0; i < 65535; i++) scheduler_.charge(0);
  for (int i = 0; i < 65533; i++) scheduler_.charge(1);
  EXPECT_EQ(pick(), 1);  // 65533/65534 < 65535/65535
  scheduler_.close(0);
  scheduler_.close(0);  // 65533/65535 < 65534/65534
  EXPECT_EQ(pick(), 0);
  EXPECT_EQ(pick(), 0);  // 65534/65535 < 1
  pick();                // both are 1
  EXPECT_EQ(scheduler_.sum_of_active(), 65535U + 65535U);
}

TEST_F(LeastConnections, StopsAtMaxConnectionsAndComesBackBelowThem) {
  scheduler_.set(up(0, 1, 10), kStart);
  scheduler_.set(up(1, 1, 0), kStart);
  for (int i = 0; i < 100; i++) pick();
  EXPECT_EQ(scheduler_.active(0), 10U);
  EXPECT_EQ(scheduler_.active(1), 90U);
  scheduler_.close(0);
  EXPECT_EQ(pick(), 0);
  EXPECT_EQ(pick(), 1);
  scheduler_.set(up(0, 1, 12), kStart);
  EXPECT_EQ(pick(), 0);
  EXPECT_EQ(pick(), 0);
  EXPECT_EQ(pick(), 1);
}

TEST_F(LeastConnections, KeepsTenThousandInProportion) {
  Weights weights(10'000);
  for (std::size_t i = 0; i < weights.size(); i++)
    weights[i] = static_cast<std::uint16_t>(i % 97 + 1);
  fill(weights);
  const int total = std::accumulate(weights.begin(), weights.end(), 0);
  for (int i = 0; i < 3 * total; i++) pick();
  for (std::uint16_t slot = 0; slot < weights.size(); slot++)
    EXPECT_EQ(scheduler_.active(slot), 3U * weights[slot]);
}

// ---- IPVS's sed and nq

TEST(ShortestExpectedDelay, GivesAnIdleServiceToItsHeaviestBackend) {
  Scheduler scheduler(SchedulerKind::sed);
  add(scheduler, Weights{1, 2, 5});
  std::array<int, 3> count{};
  for (int i = 0; i < 4; i++) count[scheduler.pick({}, kStart).value()]++;
  EXPECT_EQ(count, (std::array{0, 1, 3})) << "1/5, 2/5, then 3/5 or 1/2: (active + 1) / weight";
  for (int i = 4; i < 8000; i++) count[scheduler.pick({}, kStart).value()]++;
  EXPECT_EQ(count, (std::array{1000, 2000, 5000}));
}

TEST(NeverQueue, FillsIdleBackendsFirst) {
  Scheduler scheduler(SchedulerKind::nq);
  add(scheduler, Weights{1, 2, 9});
  std::vector<std::uint16_t> order;
  for (int i = 0; i < 6; i++) order.push_back(scheduler.pick({}, kStart).value());
  EXPECT_EQ(order, (std::vector<std::uint16_t>{2, 1, 0, 2, 2, 2}));
  scheduler.close(0);
  EXPECT_EQ(scheduler.pick({}, kStart), 0) << "idle again";
}

}  // namespace
}  // namespace tandem::balance
