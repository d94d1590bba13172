// SPDX-License-Identifier: Apache-2.0
// First packets that wait for the peer: none goes on as acknowledged before the peer has its flow, and
// none waits longer than it may, whatever becomes of the peer.
#include "pair.hpp"

namespace tandem::sync {
namespace {

using forward::Forwarder;
using forward::Unacknowledged;
using std::chrono::milliseconds;

constexpr std::size_t kServices = 13;  // that have a lease

struct HoldingPair : Pair {
  explicit HoldingPair(unsigned seed) : Pair(seed) {
    for (std::size_t i = 0; i < kServices; i++)
      a.memory.node.set_before_forward(test_services()[i], now);
  }
  void begin() {
    connect();
    until_proved();
    ASSERT_TRUE(a.all_proved());
  }
  td_reason admit(std::size_t service, const Segment& segment = {}) {
    return a.memory.node
        .admit_or_hold(to_service(test_services()[service], segment), rig::kLink, now)
        .reason;
  }
  td_reason steer(std::size_t service, const Segment& segment = {}) {
    return a.memory.node.steer(to_service(test_services()[service], segment), rig::kLink, now)
        .reason;
  }
  std::uint64_t went_ahead(std::size_t service, Unacknowledged why) {
    return a.memory.node.forwarder()
        .of_service(test_services()[service].number)
        .went_ahead[static_cast<std::size_t>(why)];
  }
  std::uint64_t acknowledged(std::size_t service) {
    return a.memory.node.forwarder().of_service(test_services()[service].number).acknowledged;
  }
};

bool has(Side& side, const forward::FlowId& flow) {
  auto& f = side.memory.node.forwarder();
  return flow.family == TD_IPV4
             ? f.flows4().find(forward::key_of<flow::FlowTable4>(flow)).has_value()
             : f.flows6().find(forward::key_of<flow::FlowTable6>(flow)).has_value();
}

TEST(BeforeForward, AFirstPacketOfEveryKindWaitsUntilThePeerHasItsFlow) {
  HoldingPair pair(1);
  pair.begin();
  pair.a.on_let_go = [&](const ServiceNode::LetGo& packet) {
    EXPECT_TRUE(packet.acknowledged);
    EXPECT_TRUE(has(pair.b, packet.flow)) << "service " << packet.flow.service;
    EXPECT_EQ(packet.outcome.reason, TD_TX_FORWARD) << "service " << packet.flow.service;
  };
  for (std::size_t i = 0; i < kServices; i++) {
    ASSERT_EQ(pair.admit(i), Forwarder::kHeld) << i;
    // Nor does another one of the flow go on: to the packet core there is none.
    ASSERT_TRUE(td_is_punt(pair.steer(i))) << i;
    ASSERT_EQ(pair.admit(i), Forwarder::kHeld) << i;
  }
  EXPECT_EQ(pair.a.memory.node.forwarder().sums().in_table, kServices);
  EXPECT_EQ(pair.a.memory.node.forwarder().sums().in_schedulers, kServices);
  for (int i = 0; i < 5; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 2 * kServices);
  for (std::size_t i = 0; i < kServices; i++) {
    const ServiceNode::LetGo& first = pair.a.let_go[2 * i];
    EXPECT_EQ(first.flow.service, test_services()[i].number);  // in the order in which they came
    EXPECT_EQ(pair.a.let_go[2 * i + 1].outcome.out.backend, first.outcome.out.backend);
    EXPECT_EQ(pair.steer(i, {.flags = TD_TCP_ACK}), TD_TX_FORWARD) << i;
    EXPECT_EQ(pair.acknowledged(i), 2U);
  }
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
}

// As it goes on is as it would have gone on at once.
TEST(BeforeForward, AHeldPacketIsRewrittenAsAnyOther) {
  HoldingPair pair(2);
  pair.begin();
  Pair other(2);
  for (std::size_t i = 0; i < kServices; i++) {
    if (test_services()[i].mode == TD_MODE_FULLNAT) continue;  // another source port
    ASSERT_EQ(pair.admit(i, {.payload = 300}), Forwarder::kHeld);
    const auto at_once = other.a.memory.node.admit(to_service(test_services()[i], {.payload = 300}),
                                                   rig::kLink, other.now);
    for (int n = 0; n < 5; n++) pair.step();
    ASSERT_EQ(pair.a.let_go.size(), 1U);
    EXPECT_EQ(pair.a.let_go[0].outcome.reason, at_once.reason);
    EXPECT_EQ(pair.a.let_go[0].outcome.out.ifindex, at_once.out.ifindex);
    if (pair.a.let_go[0].outcome.out.backend == at_once.out.backend) {
      EXPECT_EQ(pair.a.let_go[0].outcome.frame, at_once.frame);
    }
    pair.a.let_go.clear();
  }
}

TEST(BeforeForward, WithoutASessionNothingWaits) {
  HoldingPair pair(3);
  EXPECT_EQ(pair.admit(0), TD_TX_FORWARD);
  EXPECT_EQ(pair.went_ahead(0, Unacknowledged::away), 1U);
  pair.begin();
  ASSERT_EQ(pair.admit(0, {.port = 40001}), Forwarder::kHeld);
  pair.disconnect();
  pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 1U);
  EXPECT_FALSE(pair.a.let_go[0].acknowledged);
  EXPECT_EQ(pair.a.let_go[0].outcome.reason, TD_TX_FORWARD);
  EXPECT_EQ(pair.went_ahead(0, Unacknowledged::away), 2U);
}

TEST(BeforeForward, APeerThatIsTooSlowCostsOneDelay) {
  HoldingPair pair(4);
  pair.begin();
  pair.a.memory.node.forwarder().set_longest_hold(milliseconds(50));
  ASSERT_EQ(pair.admit(0), Forwarder::kHeld);
  for (int i = 0; i < 49; i++) pair.step(0);  // nothing gets through
  EXPECT_TRUE(pair.a.let_go.empty());
  for (int i = 0; i < 2; i++) pair.step(0);
  ASSERT_EQ(pair.a.let_go.size(), 1U);
  EXPECT_FALSE(pair.a.let_go[0].acknowledged);
  EXPECT_EQ(pair.a.let_go[0].outcome.reason, TD_TX_FORWARD);
  EXPECT_TRUE(pair.a.shared.behind);
  EXPECT_EQ(pair.admit(0, {.port = 40001}), TD_TX_FORWARD);
  EXPECT_EQ(pair.went_ahead(0, Unacknowledged::slow), 2U);
  for (int i = 0; i < 10; i++) pair.step();  // it has caught up
  EXPECT_EQ(pair.admit(0, {.port = 40002}), Forwarder::kHeld);
  EXPECT_FALSE(pair.a.shared.behind);
}

// One that does not know these messages skips them.
TEST(BeforeForward, APeerOfAnEarlierVersionIsOneThatIsTooSlow) {
  HoldingPair pair(5);
  pair.filter = [](std::vector<std::uint8_t> out) {
    std::vector<std::uint8_t> kept;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t bytes = 5 + (std::size_t{out[at + 2]} << 8 | out[at + 3]);
      if (out[at + 4] < 48)
        kept.insert(kept.end(), out.begin() + static_cast<long>(at),
                    out.begin() + static_cast<long>(at + bytes));
      at += bytes;
    }
    return kept;
  };
  pair.begin();
  ASSERT_EQ(pair.admit(0), Forwarder::kHeld);
  for (int i = 0; i < 60; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 1U);
  EXPECT_FALSE(pair.a.let_go[0].acknowledged);
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
  for (int i = 0; i < 300; i++) pair.step();
  EXPECT_EQ(pair.admit(0, {.port = 40001}), TD_TX_FORWARD);
}

TEST(BeforeForward, WhatThePeerCannotTakeIsNotAcknowledged) {
  HoldingPair pair(6);
  pair.begin();
  pair.b.memory.node.forwarder().remove_service(test_services()[0].number);
  ASSERT_EQ(pair.admit(0), Forwarder::kHeld);
  ASSERT_EQ(pair.admit(1), Forwarder::kHeld);
  for (int i = 0; i < 10; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 2U);
  EXPECT_FALSE(pair.a.let_go[0].acknowledged);
  EXPECT_EQ(pair.a.let_go[0].outcome.reason, TD_TX_FORWARD);
  EXPECT_EQ(pair.went_ahead(0, Unacknowledged::refused), 1U);
  EXPECT_TRUE(pair.a.let_go[1].acknowledged);  // a service's troubles are its own
}

TEST(BeforeForward, WhatIsBeyondTheRoomGoesOnAtOnce) {
  HoldingPair pair(7);
  pair.begin();
  for (std::size_t i = 0; i < Forwarder::kMostHeld; i++)
    ASSERT_EQ(pair.admit(3, {.port = static_cast<std::uint16_t>(1024 + i)}), Forwarder::kHeld) << i;
  EXPECT_EQ(pair.admit(3, {.port = 50000}), TD_TX_FORWARD);
  EXPECT_EQ(pair.went_ahead(3, Unacknowledged::no_room), 1U);
  EXPECT_EQ(pair.admit(3, {.port = 1024}), TD_DROP_NO_FLOW);  // which is held already
  for (int i = 0; i < 10; i++) pair.step();
  EXPECT_EQ(pair.a.let_go.size(), Forwarder::kMostHeld);
  EXPECT_EQ(pair.admit(3, {.port = 50001}), Forwarder::kHeld);
}

TEST(BeforeForward, APacketWhoseFlowWentMeanwhileGoesWithIt) {
  HoldingPair pair(8);
  pair.begin();
  ASSERT_EQ(pair.admit(2), Forwarder::kHeld);
  pair.a.memory.node.forwarder().remove_service(test_services()[2].number);
  pair.a.memory.node.forwarder().sweep(UINT32_MAX, pair.a.memory.node.tick(pair.now));
  for (int i = 0; i < 5; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 1U);
  EXPECT_EQ(pair.a.let_go[0].outcome.reason, TD_DROP_NO_FLOW);
}

TEST(BeforeForward, APacketOfAFlowThatItsClientEndedMeanwhileGoesNowhere) {
  HoldingPair pair(12);
  pair.begin();
  ASSERT_EQ(pair.admit(3), Forwarder::kHeld);
  pair.steer(3, {.flags = TD_TCP_RST});
  for (int i = 0; i < 5; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 1U);
  EXPECT_EQ(pair.a.let_go[0].outcome.reason, TD_DROP_NO_FLOW);
}

TEST(BeforeForward, ANodeThatHasLostTheLeaseKeepsThePacket) {
  HoldingPair pair(9);
  pair.begin();
  ASSERT_EQ(pair.admit(0), Forwarder::kHeld);
  pair.a.set_lease(false, pair.now);
  for (int i = 0; i < 5; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), 1U);
  EXPECT_EQ(pair.a.let_go[0].outcome.reason, TD_DROP_NO_LEASE);
}

// What it had kept is gone with it, and the client sends it again.
TEST(BeforeForward, AfterARestartTheFlowsAreHeldStill) {
  HoldingPair pair(10);
  pair.begin();
  for (std::size_t i = 0; i < kServices; i++) ASSERT_EQ(pair.admit(i), Forwarder::kHeld);
  pair.disconnect();
  pair.a.restart(pair.now);
  auto& forwarder = pair.a.memory.node.forwarder();
  EXPECT_EQ(forwarder.flows4().flows() + forwarder.flows6().flows(), kServices);
  EXPECT_EQ(forwarder.sums().in_schedulers, kServices);
  pair.begin();
  for (std::size_t i = 0; i < kServices; i++) {
    ASSERT_TRUE(td_is_punt(pair.steer(i))) << i;
    ASSERT_EQ(pair.admit(i), Forwarder::kHeld) << i;
  }
  for (int i = 0; i < 10; i++) pair.step();
  ASSERT_EQ(pair.a.let_go.size(), kServices);
  for (const auto& packet : pair.a.let_go) EXPECT_TRUE(packet.acknowledged);
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
}

// Whether they go on is the peer's say then.
TEST(BeforeForward, ANodeThatComesBackHoldsNoFlowOfThePeers) {
  HoldingPair pair(14);
  pair.begin();
  ASSERT_EQ(pair.admit(3), Forwarder::kHeld);
  for (int i = 0; i < 2; i++) pair.step(i == 0 ? 1 << 20 : 0);
  ASSERT_TRUE(pair.a.let_go.empty());
  ASSERT_EQ(pair.a.picture(), pair.b.picture());
  pair.disconnect();
  pair.a.set_lease(false, pair.now);
  pair.b.set_lease(true, pair.now);
  pair.a.restart(pair.now);
  pair.connect();
  for (int i = 0; i < 100; i++) pair.step();
  pair.a.memory.node.forwarder().sweep(UINT32_MAX, pair.a.memory.node.tick(pair.now));
  pair.a.set_lease(true, pair.now);
  EXPECT_EQ(pair.steer(3, {.flags = TD_TCP_ACK}), TD_TX_FORWARD);
}

TEST(BeforeForward, AnAcknowledgementThatNobodyAskedForIsNone) {
  HoldingPair pair(11);
  pair.begin();
  ASSERT_EQ(pair.admit(0), Forwarder::kHeld);
  pair.a.sender->on_ack({pair.a.shared.held + 1, {}});
  pair.a.work(pair.now);
  EXPECT_TRUE(pair.a.let_go.empty());
}

// An answer that the peer still has for the process before.
TEST(BeforeForward, AnAcknowledgementToAnotherProcessIsNone) {
  HoldingPair pair(13);
  pair.begin();
  ASSERT_EQ(pair.admit(0), Forwarder::kHeld);
  const std::uint64_t number = pair.a.shared.held;
  pair.disconnect();
  pair.a.restart(pair.now);
  pair.begin();
  for (std::uint16_t port = 1; port < 10; port++)
    ASSERT_EQ(pair.admit(0, {.port = port}), Forwarder::kHeld);
  pair.a.sender->on_ack({number, {}});
  pair.a.work(pair.now);
  EXPECT_TRUE(pair.a.let_go.empty());
}

// A stream that is cut at any moment, a peer that stalls: whatever goes on as acknowledged is at the
// peer then.
TEST(BeforeForward, NothingIsAcknowledgedThatThePeerLacks) {
  for (unsigned seed = 1; seed <= 40; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HoldingPair pair(seed);
    pair.begin();
    std::mt19937 random(seed);
    std::uint64_t acknowledged = 0;
    pair.a.on_let_go = [&](const ServiceNode::LetGo& packet) {
      if (!packet.acknowledged || packet.outcome.reason != TD_TX_FORWARD) return;
      acknowledged++;
      EXPECT_TRUE(has(pair.b, packet.flow)) << "service " << packet.flow.service;
    };
    for (int i = 0; i < 1'000 && !testing::Test::HasFailure(); i++) {
      const auto service = random() % kServices;
      const Segment segment{.client = static_cast<unsigned>(1 + random() % 100),
                            .port = static_cast<std::uint16_t>(2000 + random() % 3),
                            .flags = random() % 4 == 0 ? TD_TCP_RST : TD_TCP_SYN};
      if (td_is_punt(pair.steer(service, segment))) pair.admit(service, segment);
      if (random() % 100 == 0) pair.disconnect();
      if (random() % 50 == 0 && !pair.a.session) pair.connect();
      if (random() % 3 == 0) pair.step(random() % 4 == 0 ? random() % 300 : 1 << 20);
    }
    EXPECT_GT(acknowledged, 50U);
  }
}

}  // namespace
}  // namespace tandem::sync
