// SPDX-License-Identifier: Apache-2.0
// The flow table as its writer uses it: flows come, are found, go; what fits; what a restart finds.
#include "flow/flow_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "flow_rig.hpp"

namespace tandem::flow {
namespace {

template <class V>
class FlowTableTest : public testing::Test {
 protected:
  using R = Rig<V>;
  using Outcome = typename R::Outcome;
};
TYPED_TEST_SUITE(FlowTableTest, Families, FamilyNames);

TYPED_TEST(FlowTableTest, FindsWhatWasInsertedAndNothingElse) {
  Rig<TypeParam> rig;
  EXPECT_FALSE(rig.table().find(TypeParam::key(1)));
  const auto in = rig.table().insert(TypeParam::key(1), {7, TD_FLOW_SYN_SENT, 99}, 5);
  EXPECT_EQ(in.outcome, TestFixture::Outcome::inserted);
  const auto flow = rig.table().find(TypeParam::key(1));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->backend, 7);
  EXPECT_EQ(flow->state, TD_FLOW_SYN_SENT);
  EXPECT_TRUE(flow->counted);
  EXPECT_EQ(flow->stamp, 5);
  EXPECT_EQ(flow->extra, 99);
  EXPECT_FALSE(rig.table().find(TypeParam::key(2)));
  EXPECT_EQ(rig.counts().active(7), 1U);
  EXPECT_TRUE(rig.table().erase(TypeParam::key(1)));
  EXPECT_FALSE(rig.table().erase(TypeParam::key(1)));
  EXPECT_FALSE(rig.table().find(TypeParam::key(1)));
  EXPECT_EQ(rig.counts().total(7), 0U);
  rig.check_counts();
}

// To a reader it has a backend that is none; to the writer it is as any other.
TYPED_TEST(FlowTableTest, AHeldFlowIsThereAndHasNoBackendForReaders) {
  Rig<TypeParam> rig;
  const auto key = TypeParam::key(1);
  rig.table().insert(key, {.backend = 7, .state = TD_FLOW_SYN_SENT, .held = true}, 5);
  EXPECT_GE(td_flow_backend_of(rig.look(key)->word.part.who), TD_MAX_BACKENDS);
  EXPECT_EQ(rig.table().find(key)->backend, 7);
  EXPECT_TRUE(rig.table().find(key)->held);
  EXPECT_EQ(rig.counts().active(7), 1U);
  rig.check_counts();
  EXPECT_TRUE(rig.table().let_go(key));
  EXPECT_EQ(td_flow_backend_of(rig.look(key)->word.part.who), 7);
  EXPECT_FALSE(rig.table().find(key)->held);
  EXPECT_FALSE(rig.table().let_go(TypeParam::key(2)));
  rig.check_counts();
  rig.table().insert(TypeParam::key(2), {.backend = 8, .state = TD_FLOW_ACTIVE, .held = true}, 5);
  ASSERT_TRUE(rig.restart());
  EXPECT_FALSE(rig.table().find(key)->held);
  EXPECT_TRUE(rig.table().find(TypeParam::key(2))->held);
  EXPECT_EQ(rig.counts().active(8), 1U);
  rig.check_counts();
}

TYPED_TEST(FlowTableTest, KeepsTheFirstDecisionWhileTheFlowLives) {
  Rig<TypeParam> rig;
  const auto key = TypeParam::key(1);
  rig.table().insert(key, {7, TD_FLOW_SYN_SENT}, 0);
  for (const std::uint8_t state : {TD_FLOW_SYN_SENT, TD_FLOW_ESTABLISHED}) {
    const auto again = rig.table().insert(key, {8, state}, 0);
    EXPECT_EQ(again.outcome, TestFixture::Outcome::exists);
    EXPECT_EQ(again.flow.backend, 7);
    rig.segment(key, 0, TD_TCP_ACK);
  }
  EXPECT_EQ(rig.table().flows(), 1U);
  rig.check_counts();
}

TYPED_TEST(FlowTableTest, ASynOnAFlowThatIsOverIsScheduledAgain) {
  for (const int end : {TD_TCP_FIN, TD_TCP_RST}) {
    Rig<TypeParam> rig;
    const auto key = TypeParam::key(1);
    rig.table().insert(key, {7, TD_FLOW_SYN_SENT}, 0);
    EXPECT_EQ(rig.segment(key, 1, TD_TCP_SYN), TD_FLOW_SAME) << "a retransmission";
    EXPECT_EQ(rig.segment(key, 1, TD_TCP_ACK), TD_FLOW_SAME);
    EXPECT_EQ(rig.segment(key, 2, static_cast<std::uint8_t>(end)), TD_FLOW_ENDING);
    EXPECT_EQ(rig.segment(key, 3, TD_TCP_SYN), TD_FLOW_NEW);
    EXPECT_EQ(rig.counts().active(7), 1U) << "until the daemon hears of it";
    const auto again = rig.table().insert(key, {8, TD_FLOW_SYN_SENT, 5}, 3);
    EXPECT_EQ(again.outcome, TestFixture::Outcome::replaced);
    EXPECT_EQ(again.flow.backend, 8);
    EXPECT_EQ(rig.table().find(key)->extra, 5);
    EXPECT_EQ(rig.counts().total(7), 0U);
    EXPECT_EQ(rig.counts().active(8), 1U);
    ASSERT_EQ(rig.changes().size(), 1U);
    EXPECT_EQ(rig.changes()[0].what, FlowChange::gone);
    EXPECT_EQ(rig.changes()[0].flow.backend, 7);
    EXPECT_TRUE(rig.changes()[0].flow.counted);
    EXPECT_EQ(rig.table().insert(key, {9, TD_FLOW_SYN_SENT}, 3).outcome,
              TestFixture::Outcome::exists)
        << "a duplicate of that SYN";
    rig.check_counts();
  }
}

TYPED_TEST(FlowTableTest, ASegmentThatIsNoSynNeverReplaces) {
  Rig<TypeParam> rig;
  const auto key = TypeParam::key(1);
  rig.table().insert(key, {7, TD_FLOW_ESTABLISHED}, 0);
  rig.segment(key, 2, TD_TCP_FIN);
  EXPECT_EQ(rig.table().insert(key, {8, TD_FLOW_ESTABLISHED}, 3).outcome,
            TestFixture::Outcome::exists);
  EXPECT_EQ(rig.table().find(key)->backend, 7);
}

// ---- What fits

TYPED_TEST(FlowTableTest, HoldsItsCapacityWhateverTheKeysAndTheSeeds) {
  constexpr std::uint32_t kCapacity = 20'000;
  std::mt19937_64 random(1);
  for (int round = 0; round < 8; round++) {
    typename Rig<TypeParam>::Seeds seeds{};
    for (auto& seed : seeds) seed = random();
    Rig<TypeParam> rig(kCapacity, seeds);
    const std::uint32_t stride = round == 0 ? 1 : static_cast<std::uint32_t>(random() % 60 + 1);
    for (std::uint32_t n = 0; n < kCapacity; n++)
      ASSERT_EQ(rig.table().insert(TypeParam::key(n * stride), {1, TD_FLOW_ACTIVE}, 0).outcome,
                TestFixture::Outcome::inserted)
          << n << " of stride " << stride;
    for (std::uint32_t n = 0; n < kCapacity; n++) ASSERT_TRUE(rig.look(TypeParam::key(n * stride)));
    // One more takes the place of another: of these nobody has answered any.
    EXPECT_EQ(
        rig.table().insert(TypeParam::key(kCapacity * stride), {1, TD_FLOW_ACTIVE}, 0).outcome,
        TestFixture::Outcome::inserted);
    EXPECT_EQ(rig.table().evictions(), 1U);
    EXPECT_EQ(rig.table().flows(), kCapacity);
    rig.check_counts();
  }
}

TYPED_TEST(FlowTableTest, AFloodOfHalfOpenFlowsDisplacesItsOwn) {
  constexpr std::uint32_t kCapacity = 4'000, kKept = 1'000;
  Rig<TypeParam> rig(kCapacity);
  for (std::uint32_t n = 0; n < kKept; n++)
    rig.table().insert(TypeParam::key(n), {1, TD_FLOW_ESTABLISHED}, 0);
  std::uint32_t full = 0;
  for (std::uint32_t n = kKept; n < 10 * kCapacity; n++)
    full += rig.table().insert(TypeParam::key(n), {2, TD_FLOW_SYN_SENT}, 1).outcome ==
            TestFixture::Outcome::full;
  EXPECT_EQ(full, 0U);
  EXPECT_GT(rig.table().evictions(), 8 * kCapacity);
  EXPECT_LE(rig.table().flows(), kCapacity);
  for (std::uint32_t n = 0; n < kKept; n++) ASSERT_TRUE(rig.table().find(TypeParam::key(n)));
  rig.check_counts();
}

TYPED_TEST(FlowTableTest, StaysThatRoomyAfterManyFlowsHaveComeAndGone) {
  constexpr std::uint32_t kCapacity = 10'000;
  Rig<TypeParam> rig(kCapacity);
  const auto limits = idle_limits();
  std::mt19937 random(2);
  std::vector<std::uint32_t> live(kCapacity);
  std::uint32_t next = 0;
  for (auto& n : live) rig.table().insert(TypeParam::key(n = next++), {1, TD_FLOW_ACTIVE}, 0);
  for (int i = 0; i < 100'000; i++) {
    auto& n = live[random() % live.size()];
    ASSERT_TRUE(rig.table().erase(TypeParam::key(n)));
    ASSERT_EQ(rig.table().insert(TypeParam::key(n = next++), {1, TD_FLOW_ACTIVE}, 0).outcome,
              TestFixture::Outcome::inserted);
    rig.table().sweep(1, 0, limits);
  }
  std::uint32_t at_home = 0;
  for (const auto n : live) {
    const auto hit = rig.look(TypeParam::key(n));
    ASSERT_TRUE(hit);
    at_home += !(hit->word.part.who & TD_FLOW_AWAY);
  }
  EXPECT_GT(at_home, kCapacity * 3 / 4) << "the sweep brings them home";
  EXPECT_GT(rig.table().moves(), 0U);
}

TEST(FlowTableSizes, AreWhatWasPromised) {
  for (const std::uint32_t capacity : {1'000U, 1'000'000U, 1'048'576U, 16'777'216U}) {
    EXPECT_LE(std::uint64_t{FlowTable4::elements_for(capacity)} * FlowTable4::kElementBytes,
              32ULL * capacity);
    EXPECT_LE(std::uint64_t{FlowTable6::elements_for(capacity)} * FlowTable6::kElementBytes,
              64ULL * capacity);
  }
  static_assert(sizeof(td_flow4_entry) == 16 && sizeof(td_flow6_entry) == 32);
  static_assert(offsetof(td_flow4_entry, word) == 8 && offsetof(td_flow6_entry, word) == 24);
  static_assert(sizeof(td_flow_word) == 8 && offsetof(td_flow_word, part.stamp) == 4);
}

TYPED_TEST(FlowTableTest, RefusesMemoryOfAnotherSize) {
  Rig<TypeParam> rig(2'000);
  EXPECT_FALSE(rig.table().create(3'000, kShift, Rig<TypeParam>::kSeeds));
  EXPECT_FALSE(rig.table().create(999, kShift, Rig<TypeParam>::kSeeds));
  EXPECT_FALSE(rig.table().create(16'777'217, kShift, Rig<TypeParam>::kSeeds));
}

// ---- The hash

// Keys that share one bucket under one set of seeds are strewn under any other.
TYPED_TEST(FlowTableTest, NobodyCanAimAtABucketWithoutTheSeeds) {
  Rig<TypeParam> known(20'000);
  std::mt19937_64 random(3);
  std::vector<typename Rig<TypeParam>::Table::Key> aimed;
  for (std::uint32_t n = 0; aimed.size() < 100; n++) {
    const auto key = TypeParam::key(n);
    if (Rig<TypeParam>::Layout::where(known.head(), key).first == 17) aimed.push_back(key);
  }
  for (int round = 0; round < 20; round++) {
    td_flow_head other = known.head();
    for (auto& seed : other.seed) seed = random();
    std::map<std::uint32_t, int> hit;
    for (const auto& key : aimed) {
      const auto where = Rig<TypeParam>::Layout::where(other, key);
      ASSERT_NE(where.first, where.second);
      hit[where.first]++;
      hit[where.second]++;
    }
    for (const auto& [bucket, times] : hit) {
      EXPECT_TRUE(bucket >= 1 && bucket <= other.buckets);
      EXPECT_LE(times, 5) << "of 200 in 7,500 buckets";
    }
  }
}

// ---- Restart

TYPED_TEST(FlowTableTest, ARestartFindsFlowsAndCounts) {
  Rig<TypeParam> rig(2'000);
  for (std::uint32_t n = 0; n < 1'900; n++)
    rig.table().insert(TypeParam::key(n), {static_cast<std::uint16_t>(n % 5), TD_FLOW_SYN_SENT}, 0);
  for (std::uint32_t n = 0; n < 1'900; n += 3) {
    rig.segment(TypeParam::key(n), 1, TD_TCP_FIN);
    rig.table().review(TypeParam::key(n), 1, idle_limits());
  }
  const auto adopted = rig.restart();
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ(adopted->flows, 1'900U);
  EXPECT_EQ(adopted->repaired, 0U);
  EXPECT_EQ(rig.counts().total(0), 380U);
  EXPECT_LT(rig.counts().active(0), 380U);
  rig.check_counts();
}

// What is left of an insertion, a removal and a move that a dying writer began.
TYPED_TEST(FlowTableTest, ARestartFinishesWhatWasBegun) {
  using Layout = typename Rig<TypeParam>::Layout;
  Rig<TypeParam> rig;
  for (std::uint32_t n = 0; n < 3; n++)
    rig.table().insert(TypeParam::key(n), {1, TD_FLOW_ACTIVE}, 0);
  const auto moving = Layout::where(rig.head(), TypeParam::key(0));
  auto& copy = rig.elements()[moving.second].entry[3];
  copy.word = rig.look(TypeParam::key(0))->word;
  Layout::publish(copy, TypeParam::key(0));

  rig.look(TypeParam::key(1))->at->whole = 0;  // removal: word first

  auto& half = rig.elements()[Layout::where(rig.head(), TypeParam::key(3)).first].entry[3];
  half.word = rig.look(TypeParam::key(2))->word;  // insertion: word first

  auto& stray = rig.elements()[Layout::where(rig.head(), TypeParam::key(4)).first % 300 + 5];
  stray.entry[2].word = half.word;
  Layout::publish(stray.entry[2], TypeParam::key(4));

  const auto adopted = rig.restart();
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->flows, 2U);
  EXPECT_EQ(adopted->repaired, 4U);
  EXPECT_EQ(rig.counts().total(1), 2U);
  EXPECT_TRUE(rig.table().find(TypeParam::key(0)));
  EXPECT_FALSE(rig.table().find(TypeParam::key(1)));
  EXPECT_TRUE(rig.table().find(TypeParam::key(2)));
  EXPECT_TRUE(rig.table().erase(TypeParam::key(0)));
  EXPECT_FALSE(rig.table().find(TypeParam::key(0))) << "the copy";
  rig.check_counts();
  EXPECT_EQ(rig.restart()->repaired, 0U);
}

TYPED_TEST(FlowTableTest, ARestartWithOtherTicksTakesNoFlowForIdle) {
  Rig<TypeParam> rig;
  rig.table().insert(TypeParam::key(1), {1, TD_FLOW_ACTIVE}, 40'000);
  ASSERT_TRUE(rig.restart(123, kShift + 2));
  EXPECT_EQ(rig.head().tick_shift, kShift + 2);
  EXPECT_EQ(rig.table().find(TypeParam::key(1))->stamp, 123);
}

TYPED_TEST(FlowTableTest, ARestartRefusesWhatIsNoTable) {
  Rig<TypeParam> rig;
  auto& head = const_cast<td_flow_head&>(rig.head());
  head.buckets++;
  EXPECT_FALSE(rig.restart());
  head.magic = 0;
  EXPECT_FALSE(rig.restart());
  EXPECT_TRUE(
      rig.table().create(Rig<TypeParam>::Table::kLeastFlows, kShift, Rig<TypeParam>::kSeeds));
}

}  // namespace
}  // namespace tandem::flow
