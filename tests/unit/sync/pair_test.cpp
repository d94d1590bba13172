// SPDX-License-Identifier: Apache-2.0
// Two nodes over a stream that may break. Whatever happens, a node that takes the leases has every
// flow that the other one had, and both prove it.
#include "pair.hpp"

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

TEST(Pair, OfEmptyTablesIsProvedAtOnce) {
  Pair pair(1);
  pair.connect();
  pair.until_proved();
  EXPECT_TRUE(pair.a.all_proved());
}

TEST(Pair, GetsWhatWasThereBeforeTheSession) {
  Pair pair(2);
  for (int i = 0; i < 3'000; i++) pair.packet(pair.a);
  ASSERT_GT(pair.a.picture().size(), 500U);
  pair.connect();
  pair.until_proved();
  ASSERT_TRUE(pair.a.all_proved());
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
}

TEST(Pair, GetsEachChangeInAStepOrTwo) {
  Pair pair(3);
  pair.connect();
  pair.until_proved();
  for (int round = 0; round < 50; round++) {
    for (int i = 0; i < 40; i++) pair.packet(pair.a);
    for (int i = 0; i < 3; i++) pair.step();
    ASSERT_EQ(pair.a.picture(), pair.b.picture()) << "round " << round;
  }
  EXPECT_EQ(pair.a.sender->counters().differed, 0U);
}

TEST(Pair, CountsOfTheReplicaAreThoseOfItsTable) {
  Pair pair(4);
  pair.connect();
  for (int i = 0; i < 5'000; i++) {
    pair.packet(pair.a);
    if (i % 10 == 0) pair.step();
  }
  for (int i = 0; i < 10; i++) pair.step();
  auto& forwarder = pair.b.memory.node.forwarder();
  std::uint64_t counted = 0;
  forwarder.flows4().for_each([&](const auto& flow) { counted += flow.counted; });
  forwarder.flows6().for_each([&](const auto& flow) { counted += flow.counted; });
  EXPECT_EQ(forwarder.sums().in_table, counted);
  EXPECT_EQ(forwarder.sums().in_schedulers, counted);
}

TEST(Pair, AFlowOfEveryModeGoesOnAtTheNodeThatTakesOver) {
  Pair pair(5);
  pair.connect();
  pair.until_proved();
  const auto services = test_services();
  std::vector<std::uint16_t> backends;
  for (int i = 0; i < 13; i++) {
    const auto frame = to_service(services[static_cast<std::size_t>(i)], {});
    const auto out = pair.a.memory.node.admit(frame, rig::kLink, pair.now);
    ASSERT_EQ(out.reason, TD_TX_FORWARD) << i;
    backends.push_back(out.out.backend);
  }
  for (int i = 0; i < 5; i++) pair.step();
  pair.a.set_lease(false, pair.now);
  pair.b.set_lease(true, pair.now);
  for (int i = 0; i < 13; i++) {
    const TestService& s = services[static_cast<std::size_t>(i)];
    const auto frame = to_service(s, {.flags = TD_TCP_ACK});
    const auto out = pair.b.memory.node.steer(frame, rig::kLink, pair.now);
    ASSERT_EQ(out.reason, TD_TX_FORWARD) << "service " << s.number;
    EXPECT_EQ(out.out.backend, backends[static_cast<std::size_t>(i)]) << "service " << s.number;
  }
}

// XDP does that without the data thread.
TEST(Pair, StatesThatPacketsChangeAreFound) {
  Pair pair(9);
  pair.connect();
  pair.until_proved();
  const TestService s = test_services()[3];  // dsr: an ACK of the client is enough
  const auto state_at = [](Side& side) {
    std::vector<std::uint8_t> states;
    side.memory.node.forwarder().flows4().for_each(
        [&](const auto& flow) { states.push_back(flow.state); });
    return states;
  };
  ASSERT_EQ(pair.a.memory.node.admit(to_service(s, {}), rig::kLink, pair.now).reason,
            TD_TX_FORWARD);
  for (int i = 0; i < 5; i++) pair.step();
  ASSERT_EQ(state_at(pair.b), std::vector<std::uint8_t>{TD_FLOW_SYN_SENT});
  const auto ack = to_service(s, {.flags = TD_TCP_ACK});
  ASSERT_EQ(pair.a.memory.node.steer(ack, rig::kLink, pair.now).reason, TD_TX_FORWARD);
  ASSERT_EQ(state_at(pair.a), std::vector<std::uint8_t>{TD_FLOW_ESTABLISHED});
  for (int i = 0; i < 30; i++) pair.step(1 << 20, milliseconds(100));
  EXPECT_EQ(state_at(pair.b), std::vector<std::uint8_t>{TD_FLOW_ESTABLISHED});
  const auto sent = pair.a.sender->counters().flows;
  for (int i = 0; i < 30; i++) pair.step(1 << 20, milliseconds(100));
  EXPECT_EQ(pair.a.sender->counters().flows, sent);  // and not again and again
}

TEST(Pair, WhatIsLostIsFoundAndRepaired) {
  Pair pair(6);
  pair.connect();
  for (int i = 0; i < 2'000; i++) pair.packet(pair.a);
  pair.until_proved();
  // The replica loses some, and has one that nobody told it of.
  auto& b = pair.b.memory.node.forwarder();
  std::vector<std::uint64_t> some;
  b.flows4().for_each([&](const auto& flow) {
    if (some.size() < 20) some.push_back(flow.key);
  });
  for (const auto key : some) const_cast<flow::FlowTable4&>(b.flows4()).erase(key);
  ASSERT_NE(pair.a.picture(), pair.b.picture());
  pair.until_equal(30);
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
  EXPECT_GT(pair.a.sender->counters().differed, 0U);
}

// Its end comes when the flows have moved to this node and back: what was decided meanwhile is in no
// part of it.
TEST(Pair, ARepairThatMovesOverlapTakesNothingAway) {
  Pair pair(10);
  for (int i = 0; i < 500; i++) pair.packet(pair.a);
  pair.connect();
  pair.until_proved();
  auto& flows = const_cast<flow::FlowTable4&>(pair.b.memory.node.forwarder().flows4());
  std::vector<std::uint64_t> all;
  flows.for_each([&](const auto& flow) { all.push_back(flow.key); });
  for (const auto key : all) flows.erase(key);
  pair.disconnect();
  pair.connect();
  const auto carry = [](Side& from, Side& to, long keep = 0) {
    auto& out = from.session->output();
    to.incoming.insert(to.incoming.end(), out.begin(), out.end() - keep);
    out.erase(out.begin(), out.end() - keep);
  };
  const auto step_to_a = [&](Duration time) {
    pair.step(0, time);
    carry(pair.b, pair.a);
  };
  const auto& sent = pair.a.sender->counters();
  for (int i = 0; i < 1'000 && sent.repairs == 0; i++) {
    step_to_a(milliseconds(1));
    carry(pair.a, pair.b, sent.repairs == 0 ? 0 : 1);  // but the last byte of the repair
  }
  ASSERT_EQ(sent.repairs, 1U);

  pair.a.set_lease(false, pair.now);
  pair.b.set_lease(true, pair.now);
  for (int i = 0; i < 21; i++) step_to_a(milliseconds(100));
  const Picture before = pair.b.picture();
  for (int i = 0; i < 300; i++) pair.packet(pair.b);
  for (int i = 0; i < 5; i++) step_to_a(milliseconds(1));
  const Picture at_a = pair.a.picture();
  Picture both = pair.b.picture();
  std::erase_if(both, [&](const auto& flow) {
    const auto found = at_a.find(flow.first);
    return before.contains(flow.first) || found == at_a.end() || found->second != flow.second;
  });
  ASSERT_GT(both.size(), 50U);
  pair.b.set_lease(false, pair.now);
  pair.a.set_lease(true, pair.now);
  for (int i = 0; i < 5; i++) pair.step();
  const Picture after = pair.b.picture();
  EXPECT_EQ(
      std::ranges::count_if(both, [&](const auto& flow) { return !after.contains(flow.first); }), 0)
      << "of " << both.size();
}

TEST(Pair, AReplicaDoesNotAge) {
  Pair pair(7);
  for (int i = 0; i < 500; i++) pair.packet(pair.a);
  pair.connect();
  pair.until_proved();
  const auto before = pair.b.picture();
  pair.disconnect();
  for (int i = 0; i < 30; i++) {
    pair.now += std::chrono::minutes(10);
    pair.b.work(pair.now);
    pair.b.memory.node.forwarder().sweep(kPairFlows, pair.b.memory.node.tick(pair.now));
  }
  EXPECT_EQ(pair.b.picture(), before);
}

// Two nodes that decide at the same time may give the same source port to different flows: then
// those of the node that keeps the lease stay.
Picture without_fullnat(Picture all) {
  std::erase_if(all, [](const auto& flow) {
    const auto service = std::get<0>(flow.first) & 0xffff;
    return std::get<2>(flow.first) == 4 ? service == 3 : flow.second / 2 == 9;
  });
  return all;
}

TEST(Pair, OfAPartitionHasTheUnionOfBoth) {
  Pair pair(8);
  pair.connect();
  pair.until_proved();
  pair.disconnect();
  pair.b.set_lease(true, pair.now);
  for (int i = 0; i < 300; i++) {
    pair.packet(pair.a);
    pair.packet(pair.b);
    pair.step();
  }
  pair.b.set_lease(false, pair.now);
  Picture both = pair.a.picture();
  both.merge(pair.b.picture());
  pair.connect();
  pair.until_proved();
  pair.until_equal(60);
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
  const auto united = without_fullnat(both), kept = without_fullnat(pair.a.picture());
  EXPECT_EQ(united.size(), kept.size());
  for (const auto& [flow, backend] : united) {
    const auto it = kept.find(flow);
    EXPECT_TRUE(it != kept.end() && it->second == backend)
        << std::hex << std::get<0>(flow) << " " << std::get<1>(flow) << ": " << std::dec << backend
        << ", found " << (it == kept.end() ? 0 : it->second);
  }
}

// Seeds: each plays packets at whoever holds the leases, moves of the leases, breaks of the stream
// and thin streams; then the stream heals, and both have to prove that they have the same.
TEST(Pair, ConvergesWhateverHappens) {
  for (unsigned seed = 100; seed < 140; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed);
    pair.connect();
    bool at_a = true;
    std::size_t piece = 1 << 20;
    for (int i = 0; i < 400; i++) {
      for (unsigned n = pair.random_() % 4; n > 0; n--) pair.packet(at_a ? pair.a : pair.b);
      switch (pair.random_() % 80) {
        case 0:
          pair.disconnect();
          break;
        case 1:
          if (!pair.a.session) pair.connect();
          break;
        case 2:
          at_a = !at_a;
          pair.a.set_lease(at_a, pair.now);
          pair.b.set_lease(!at_a, pair.now);
          break;
        case 3:
          piece = std::size_t{1} << pair.random_() % 20;
          break;
        default:
          break;
      }
      pair.step(piece);
    }
    pair.connect();
    Side& owner = at_a ? pair.a : pair.b;
    for (int i = 0; i < 300 && !owner.all_proved(); i++) pair.step(1 << 20, milliseconds(100));
    ASSERT_TRUE(owner.all_proved());
    for (int i = 0; i < 20; i++) pair.step();
    ASSERT_EQ(pair.a.picture(), pair.b.picture());
  }
}

}  // namespace
}  // namespace tandem::sync
