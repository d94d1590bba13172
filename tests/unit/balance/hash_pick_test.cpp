// SPDX-License-Identifier: Apache-2.0
// Picks by hash: the schedulers maglev and source_hash, and hash_pick() that all of them have.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;
using Weights = std::vector<std::uint16_t>;

TEST(HashPick, MaglevSticksToTheFlowAndSourceHashToTheClient) {
  Scheduler maglev(SchedulerKind::maglev), source(SchedulerKind::source_hash);
  add(maglev, Weights(10, 1));
  add(source, Weights(10, 1));
  Flows flows(1);
  std::set<int> of_one_client;
  const FlowHash client = flows.next();
  for (int i = 0; i < 1000; i++) {
    const FlowHash flow = {flows.next().five_tuple, client.source};
    const auto first = maglev.pick(flow, kStart);
    EXPECT_EQ(maglev.pick({flow.five_tuple, flows.next().source}, kStart), first);
    of_one_client.insert(source.pick(flow, kStart).value());
  }
  EXPECT_EQ(of_one_client.size(), 1U);
}

TEST(HashPick, SpreadsFlowsByWeight) {
  Scheduler scheduler(SchedulerKind::maglev);
  add(scheduler, Weights{1, 2, 3, 4});
  const auto picked = pick_many(scheduler, 100'000);
  for (int slot = 0; slot < 4; slot++) EXPECT_NEAR(picked.at(slot), 10'000 * (slot + 1), 500);
}

TEST(HashPick, PassesOverAFullOneAndComesBack) {
  Scheduler scheduler(SchedulerKind::maglev);
  for (std::uint16_t slot = 0; slot < 5; slot++) scheduler.set(up(slot, 1, 2), kStart);
  rebuild(scheduler);
  const FlowHash flow = Flows(9).next();
  const auto home = scheduler.pick(flow, kStart).value();
  EXPECT_EQ(scheduler.pick(flow, kStart), home);
  EXPECT_NE(scheduler.pick(flow, kStart), home);  // two are the most
  EXPECT_EQ(scheduler.hash_pick(flow), home);     // which the other node could not know
  scheduler.close(home);
  EXPECT_EQ(scheduler.pick(flow, kStart), home);
}

TEST(HashPick, FindsTheOnlyOneOfAThousandThatIsNotFull) {
  Scheduler scheduler(SchedulerKind::maglev);
  for (std::uint16_t slot = 0; slot < 1000; slot++) scheduler.set(up(slot, 1, 1), kStart);
  rebuild(scheduler, MaglevTable::size_for(1000));
  EXPECT_EQ(pick_many(scheduler, 1000).size(), 1000U);
  EXPECT_FALSE(scheduler.pick({}, kStart));
  scheduler.close(123);
  EXPECT_EQ(scheduler.pick(Flows(2).next(), kStart), 123);
}

TEST(HashPick, PicksWithoutATableToo) {
  Scheduler scheduler(SchedulerKind::maglev);
  scheduler.set(up(6), kStart);
  EXPECT_EQ(scheduler.pick({}, kStart), 6);
  EXPECT_FALSE(scheduler.hash_pick({}));
}

class HashPickOf : public testing::TestWithParam<SchedulerKind> {};
INSTANTIATE_TEST_SUITE_P(EveryKind, HashPickOf, testing::ValuesIn(kAllKinds), name_of);

// Backends set in opposite orders, in other slots, with other flows on them: the same answers.
TEST_P(HashPickOf, AgreesOnBothNodes) {
  constexpr std::uint16_t kBackends = 30;
  const Options options{.slow_start = 10s};
  Scheduler a(GetParam(), options), b(GetParam(), options);
  for (std::uint16_t i = 0; i < kBackends; i++) {
    a.set(up(i, static_cast<std::uint16_t>(1 + i % 3)), kStart);
    const auto other = static_cast<std::uint16_t>(kBackends - 1 - i);
    Backend backend = up(other, static_cast<std::uint16_t>(1 + other % 3));
    backend.slot = static_cast<std::uint16_t>(500 + i);
    backend.up_since = kStart;  // still in slow start there
    b.set(backend, kStart);
  }
  a.set(in_state(State::draining, 4), kStart);
  Backend draining = in_state(State::draining, 4);
  draining.slot = 500 + kBackends - 1 - 4;
  b.set(draining, kStart);
  pick_many(a, 100);
  rebuild(a, MaglevTable::size_for(kBackends));
  rebuild(b, MaglevTable::size_for(kBackends));

  Flows flows(4);
  for (int i = 0; i < 10'000; i++) {
    const FlowHash flow = flows.next();
    const auto here = a.hash_pick(flow).value();
    EXPECT_NE(here, 4);
    ASSERT_EQ(500 + kBackends - 1 - here, b.hash_pick(flow).value());
  }
}

TEST_P(HashPickOf, ChargesNobody) {
  Scheduler scheduler(GetParam());
  add(scheduler, Weights{1, 1});
  ASSERT_TRUE(scheduler.hash_pick({}));
  EXPECT_EQ(scheduler.sum_of_active(), 0U);
}

TEST_P(HashPickOf, AvoidsOneThatStoppedServingBeforeTheTableIsBuiltAgain) {
  Scheduler scheduler(GetParam());
  add(scheduler, Weights(4, 1));
  Flows flows(5);
  std::map<std::uint64_t, int> before;
  for (int i = 0; i < 1000; i++) {
    const FlowHash flow = flows.next();
    const auto slot = scheduler.hash_pick(flow).value();
    scheduler.set(in_state(State::down, 1), kStart);
    const auto without = scheduler.hash_pick(flow).value();
    EXPECT_TRUE(slot == 1 ? without != 1 : without == slot);
    scheduler.set(up(1), kStart);
  }
}

TEST_P(HashPickOf, HasNoAnswerIfNobodyServes) {
  Scheduler scheduler(GetParam());
  EXPECT_FALSE(scheduler.hash_pick({}));
  add(scheduler, Weights(3, 1));
  for (std::uint16_t slot = 0; slot < 3; slot++) scheduler.set(up(slot, 0), kStart);
  EXPECT_FALSE(scheduler.hash_pick({}));
  EXPECT_TRUE(scheduler.candidates().empty());
}

}  // namespace
}  // namespace tandem::balance
