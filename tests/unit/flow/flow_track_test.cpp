// SPDX-License-Identifier: Apache-2.0
// What packets do to the state of a flow, and when idle flows stop counting and go.
#include "tandem/flow_track.h"

#include <gtest/gtest.h>

#include <string>

#include "flow_rig.hpp"

namespace tandem::flow {
namespace {

constexpr int kClient = TD_FROM_CLIENT, kServer = TD_FROM_SERVER;
constexpr std::uint8_t kStates[] = {TD_FLOW_SYN_SENT,   TD_FLOW_ESTABLISHED, TD_FLOW_FIN_CLIENT,
                                    TD_FLOW_FIN_SERVER, TD_FLOW_CLOSED,      TD_FLOW_RESET};

// ---- States

struct Row {
  const char* name;
  std::uint8_t flags;
  int from;
  std::uint8_t next[6];  // from each of kStates
};

TEST(FlowStates, FollowFlagsAndDirection) {
  constexpr std::uint8_t S = TD_FLOW_SYN_SENT, E = TD_FLOW_ESTABLISHED, FC = TD_FLOW_FIN_CLIENT,
                         FS = TD_FLOW_FIN_SERVER, C = TD_FLOW_CLOSED, R = TD_FLOW_RESET;
  constexpr std::uint8_t syn = TD_TCP_SYN, ack = TD_TCP_ACK, fin = TD_TCP_FIN, rst = TD_TCP_RST;
  const Row rows[] = {
      {"client's SYN", syn, kClient, {S, E, FC, FS, C, R}},
      {"client's ACK", ack, kClient, {E, E, FC, FS, C, R}},
      {"client's FIN", fin, kClient, {FC, FC, FC, C, C, R}},
      {"client's FIN+ACK", fin | ack, kClient, {FC, FC, FC, C, C, R}},
      {"client's RST", rst, kClient, {R, R, C, C, C, R}},
      {"client's RST+ACK", rst | ack, kClient, {R, R, C, C, C, R}},
      {"client's segment without flags", 0, kClient, {S, E, FC, FS, C, R}},
      {"server's SYN+ACK", syn | ack, kServer, {S, E, FC, FS, C, R}},
      {"server's ACK", ack, kServer, {S, E, FC, FS, C, R}},
      {"server's FIN+ACK", fin | ack, kServer, {FS, FS, C, FS, C, R}},
      {"server's RST", rst, kServer, {R, R, C, C, C, R}},
      {"everything at once", syn | ack | fin | rst, kClient, {R, R, C, C, C, R}},
      {"SYN+FIN", syn | fin, kClient, {S, E, FC, FS, C, R}},
  };
  for (const auto& row : rows)
    for (std::size_t i = 0; i < std::size(kStates); i++)
      EXPECT_EQ(td_flow_next(kStates[i], row.flags, row.from, 0, 1), row.next[i])
          << row.name << " in state " << int{kStates[i]};
}

TEST(FlowStates, AClientThatGoesOnAfterARstTakesItUpAgain) {
  EXPECT_EQ(td_flow_next(TD_FLOW_RESET, TD_TCP_ACK, kClient, 1, 1), TD_FLOW_RESET);
  EXPECT_EQ(td_flow_next(TD_FLOW_RESET, TD_TCP_ACK, kClient, -1, 1), TD_FLOW_RESET);
  EXPECT_EQ(td_flow_next(TD_FLOW_RESET, TD_TCP_ACK, kClient, 2, 1), TD_FLOW_ESTABLISHED);
  EXPECT_EQ(td_flow_next(TD_FLOW_RESET, TD_TCP_ACK, kServer, 2, 1), TD_FLOW_RESET);
  EXPECT_EQ(td_flow_next(TD_FLOW_CLOSED, TD_TCP_ACK, kClient, 9, 1), TD_FLOW_CLOSED);
}

template <class V>
class FlowTrackTest : public testing::Test {
 protected:
  // A flow in a state, last seen at tick 1000.
  static void put(Rig<V>& rig, std::uint8_t state) {
    rig.table().insert(V::key(1), {7, state}, 1000);
    rig.changes().clear();
  }
  static auto flow(const Rig<V>& rig) { return rig.table().find(V::key(1)); }
};
TYPED_TEST_SUITE(FlowTrackTest, Families, FamilyNames);

TYPED_TEST(FlowTrackTest, OnlyTheFirstSegmentThatEndsAFlowIsReported) {
  Rig<TypeParam> rig;
  this->put(rig, TD_FLOW_SYN_SENT);
  const auto key = TypeParam::key(1);
  EXPECT_EQ(rig.segment(key, 1001, TD_TCP_SYN | TD_TCP_ACK, kServer), TD_FLOW_SAME);
  EXPECT_EQ(rig.segment(key, 1002, TD_TCP_ACK), TD_FLOW_SAME);
  EXPECT_EQ(rig.segment(key, 1003, TD_TCP_ACK | TD_TCP_FIN, kServer), TD_FLOW_ENDING);
  EXPECT_EQ(rig.segment(key, 1004, TD_TCP_ACK | TD_TCP_FIN), TD_FLOW_SAME);
  EXPECT_EQ(rig.segment(key, 1005, TD_TCP_RST), TD_FLOW_SAME);
  EXPECT_EQ(this->flow(rig)->state, TD_FLOW_CLOSED);
  EXPECT_EQ(this->flow(rig)->stamp, 1005);
  EXPECT_EQ(this->flow(rig)->backend, 7);
}

TYPED_TEST(FlowTrackTest, OnlyAClientsPureSynBeginsAnother) {
  for (const auto state : kStates) {
    Rig<TypeParam> rig;
    this->put(rig, state);
    const auto key = TypeParam::key(1);
    const bool over = state >= TD_FLOW_FIN_CLIENT;
    EXPECT_EQ(rig.segment(key, 1000, TD_TCP_SYN | TD_TCP_ACK, kServer), TD_FLOW_SAME);
    EXPECT_EQ(rig.segment(key, 1000, TD_TCP_SYN, kServer), TD_FLOW_SAME);
    EXPECT_EQ(rig.segment(key, 1000, TD_TCP_SYN | TD_TCP_ACK), TD_FLOW_SAME);
    EXPECT_EQ(rig.segment(key, 1000, TD_TCP_SYN), over ? TD_FLOW_NEW : TD_FLOW_SAME);
    EXPECT_EQ(rig.segment(key, 1000, TD_TCP_SYN | 0xc0), over ? TD_FLOW_NEW : TD_FLOW_SAME)
        << "with ECN (RFC 3168, 6.1.1)";
    EXPECT_EQ(this->flow(rig)->state, state);
  }
}

TYPED_TEST(FlowTrackTest, ASynOnWhatLayIdleTooLongToCountBeginsAnother) {
  Rig<TypeParam> rig;
  this->put(rig, TD_FLOW_ESTABLISHED);
  rig.table().review(TypeParam::key(1), 1000 + 3600, idle_limits());  // 15 minutes and more
  EXPECT_EQ(rig.segment(TypeParam::key(1), 4600, TD_TCP_SYN), TD_FLOW_NEW);
}

TYPED_TEST(FlowTrackTest, TheTimeOfAResetFlowRunsFromTheRst) {
  Rig<TypeParam> rig;
  this->put(rig, TD_FLOW_ESTABLISHED);
  const auto key = TypeParam::key(1);
  EXPECT_EQ(rig.segment(key, 1001, TD_TCP_RST), TD_FLOW_ENDING);
  EXPECT_EQ(rig.segment(key, 1002, TD_TCP_ACK), TD_FLOW_SAME);
  EXPECT_EQ(this->flow(rig)->stamp, 1001);
  rig.table().review(key, 1002, idle_limits());
  EXPECT_EQ(rig.counts().active(7), 0U);
  EXPECT_EQ(rig.segment(key, 1003, TD_TCP_ACK), TD_FLOW_SAME);
  EXPECT_EQ(this->flow(rig)->state, TD_FLOW_ESTABLISHED);
  EXPECT_EQ(this->flow(rig)->stamp, 1003);
  rig.table().sweep(rig.table().buckets(), 1003, idle_limits());
  EXPECT_EQ(rig.counts().active(7), 1U) << "counts again";
  ASSERT_EQ(rig.changes().size(), 2U);
  EXPECT_EQ(rig.changes()[0].what, FlowChange::uncounted);
  EXPECT_EQ(rig.changes()[1].what, FlowChange::counted);
  rig.check_counts();
}

// A reader that was held up: the slot is another flow's by now.
TYPED_TEST(FlowTrackTest, ALateReaderDoesNotChangeTheNextTenantsState) {
  Rig<TypeParam> rig;
  this->put(rig, TD_FLOW_ESTABLISHED);
  auto late = rig.look(TypeParam::key(1));
  ASSERT_TRUE(late);
  rig.table().erase(TypeParam::key(1));
  EXPECT_EQ(td_flow_see_tcp(&*late, 1001, TD_TCP_FIN, kClient, 1), TD_FLOW_SAME) << "free";
  rig.table().insert(TypeParam::key(1), {7, TD_FLOW_ESTABLISHED}, 1000);
  ASSERT_EQ(rig.look(TypeParam::key(1))->at, late->at);
  EXPECT_EQ(td_flow_see_tcp(&*late, 1001, TD_TCP_FIN, kClient, 1), TD_FLOW_SAME);
  EXPECT_EQ(this->flow(rig)->state, TD_FLOW_ESTABLISHED);
  EXPECT_EQ(this->flow(rig)->backend, 7);
}

// ---- Times

struct Life {
  std::uint8_t state;
  Duration counted, remembered;
};

TYPED_TEST(FlowTrackTest, EachStateCountsAndLastsForItsTime) {
  using std::chrono::seconds;
  const FlowTimeouts t{.syn_sent = {seconds(3), seconds(6)},
                       .established = {seconds(900), seconds(3600)},
                       .closing = {seconds(0), seconds(120)},
                       .closed = {seconds(0), seconds(10)},
                       .udp = {seconds(30), seconds(300)}};
  const auto limits = idle_limits(t);
  const Life lives[] = {{TD_FLOW_SYN_SENT, seconds(3), seconds(6)},
                        {TD_FLOW_ESTABLISHED, seconds(900), seconds(3600)},
                        {TD_FLOW_FIN_CLIENT, seconds(0), seconds(120)},
                        {TD_FLOW_FIN_SERVER, seconds(0), seconds(120)},
                        {TD_FLOW_CLOSED, seconds(0), seconds(10)},
                        {TD_FLOW_RESET, seconds(0), seconds(10)},
                        {TD_FLOW_ACTIVE, seconds(30), seconds(300)}};
  for (const auto& life : lives) {
    Rig<TypeParam> rig;
    this->put(rig, life.state);
    const auto sweep_at = [&](Duration idle, int extra) {
      const auto now = static_cast<Tick>(1000 + (idle + kTick - Duration(1)) / kTick + extra);
      return rig.table().sweep(rig.table().buckets(), now, limits);
    };
    if (life.counted > Duration{}) {
      EXPECT_EQ(sweep_at(life.counted, -1).uncounted, 0U) << int{life.state};
      EXPECT_EQ(sweep_at(life.counted, 0).uncounted, 1U) << int{life.state};
    }
    EXPECT_EQ(rig.counts().active(7), 0U) << int{life.state};
    EXPECT_EQ(rig.counts().total(7), 1U) << int{life.state};
    EXPECT_EQ(sweep_at(life.remembered, -1).gone, 0U) << int{life.state};
    EXPECT_TRUE(this->flow(rig));
    EXPECT_EQ(sweep_at(life.remembered, 0).gone, 1U) << int{life.state};
    EXPECT_FALSE(this->flow(rig));
    EXPECT_EQ(rig.changes().back().what, FlowChange::gone);
    rig.check_counts();
  }
}

TYPED_TEST(FlowTrackTest, UdpLivesByItsPackets) {
  Rig<TypeParam> rig;
  this->put(rig, TD_FLOW_ACTIVE);
  for (Tick now = 1000; now < 30'000; now = static_cast<Tick>(now + 200)) {
    auto hit = rig.look(TypeParam::key(1));
    ASSERT_TRUE(hit);
    td_flow_stamp(&*hit, now);
    rig.table().sweep(rig.table().buckets(), now, idle_limits());
  }
  EXPECT_EQ(rig.counts().active(7), 1U);
}

TEST(FlowTime, WrapsAndForgivesAnotherCpusClock) {
  EXPECT_EQ(age(5, 65'530), 11);
  EXPECT_EQ(age(65'535, 0), 0) << "one tick ahead";
  EXPECT_EQ(age(100, 100 + kAhead), 0);
  EXPECT_EQ(age(kLongestIdle, 0), kLongestIdle);
}

TEST(FlowTime, ATickIsAboutAQuarterOfASecondWhateverTheKernel) {
  using std::chrono::milliseconds;
  for (const Duration jiffy : {milliseconds(1), milliseconds(4), milliseconds(10)}) {
    const Duration tick = jiffy * (1 << tick_shift_for(jiffy));
    EXPECT_GE(tick, milliseconds(200));
    EXPECT_LT(tick, milliseconds(400));
  }
  const JiffyClock clock(milliseconds(4), 4'294'892'296, from_ns(1'000'000'000));
  EXPECT_EQ(clock.at(from_ns(1'000'000'000)), 4'294'892'296U);
  EXPECT_EQ(clock.at(from_ns(1'007'999'999)), 4'294'892'297U);
}

TEST(FlowTime, RefusesTimesThatCannotBeKept) {
  using std::chrono::hours, std::chrono::seconds;
  EXPECT_TRUE(IdleTicks::from({}, kTick));
  EXPECT_FALSE(IdleTicks::from({.established = {seconds(900), hours(5)}}, kTick));
  EXPECT_TRUE(IdleTicks::from({.established = {seconds(900), hours(5)}}, 2 * kTick));
  EXPECT_FALSE(IdleTicks::from({.udp = {seconds(60), seconds(30)}}, kTick));
  EXPECT_FALSE(IdleTicks::from({.closed = {seconds(0), seconds(0)}}, kTick));
}

}  // namespace
}  // namespace tandem::flow
