// SPDX-License-Identifier: Apache-2.0
// Two nodes with the same services, and between them a stream in each direction: it delivers in
// order, in pieces, late, and it breaks. Whatever happens, a node that takes the leases has every
// flow that the other one had, and both prove it.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>

#include "service_node.hpp"
#include "sync/session.hpp"

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kPairFlows = ServiceNode::kFlows;

// Flows by what names them on both nodes: the test services have the same numbers on each.
using Picture = std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>, std::uint32_t>;

struct Side {
  explicit Side(MonotonicTime now)
      : memory(now),
        shared(4711, flow::FlowTable4::elements_for(kPairFlows),
               flow::FlowTable6::elements_for(kPairFlows)) {
    memory.node.replicate(shared, now);
    sender.emplace(memory.node.forwarder(), shared);
    receiver.emplace(memory.node.forwarder(), shared);
  }

  void set_lease(bool held, MonotonicTime now) {
    for (auto& router : memory.memory.tables().vrouter) {
      if (router.family == 0) continue;
      router.lease_ns = held ? to_ns(now + std::chrono::hours(1)) : 0;
      router.lease_jiffies = held ? ~std::uint64_t{0} : 0;
    }
  }
  void work(MonotonicTime now) {
    memory.node.forwarder().look_at_leases(now);
    memory.node.forwarder().apply_changes(1 << 16, now, memory.node.tick(now));
  }
  [[nodiscard]] Picture picture() const {
    Picture all;
    auto& f = const_cast<Side*>(this)->memory.node.forwarder();
    f.flows4().for_each([&](const auto& flow) { all[{flow.key, 0, 4}] = flow.backend; });
    f.flows6().for_each([&](const auto& flow) {
      all[{flow.key.address[0] ^ flow.key.id, flow.key.address[1], 6}] = flow.backend;
    });
    return all;
  }
  [[nodiscard]] bool all_proved() const {
    bool all = true;
    for (std::uint16_t number = 1; number <= 13; number++)
      all = all && sender->proof(number) == Sender::Proof::proved;
    return all;
  }

  MemoryNode memory;
  forward::Replication shared;
  std::optional<Sender> sender;
  std::optional<Receiver> receiver;
  std::optional<Session> session;
  std::deque<std::uint8_t> incoming;
};

class Pair {
 public:
  explicit Pair(unsigned seed) : random_(seed) {
    a.set_lease(true, now);
    b.set_lease(false, now);
  }

  void connect() {
    a.incoming.clear();
    b.incoming.clear();
    a.session.emplace(Hello{.boot = 1, .node = "a"}, *a.sender, *a.receiver, now);
    b.session.emplace(Hello{.boot = 2, .node = "b"}, *b.sender, *b.receiver, now);
  }
  void disconnect() {
    a.session.reset();
    b.session.reset();
  }
  // piece: bytes that get through at most.
  void step(std::size_t piece = 1 << 20, Duration time = milliseconds(1)) {
    now += time;
    for (Side* side : {&a, &b}) {
      side->work(now);
      if (!side->session) {
        side->sender->watch(now);
        continue;
      }
      ASSERT_TRUE(side->session->pass(now));
      Side& other = side == &a ? b : a;
      auto& out = side->session->output();
      const std::size_t n = std::min(out.size(), piece);
      other.incoming.insert(other.incoming.end(), out.begin(), out.begin() + static_cast<long>(n));
      out.erase(out.begin(), out.begin() + static_cast<long>(n));
    }
    for (Side* side : {&a, &b}) {
      if (!side->session) continue;
      const std::vector<std::uint8_t> bytes(side->incoming.begin(), side->incoming.end());
      const auto taken = side->session->receive(bytes, now);
      ASSERT_TRUE(taken) << taken.error().message;
      side->incoming.erase(side->incoming.begin(),
                           side->incoming.begin() + static_cast<long>(*taken));
    }
  }
  void packet(Side& side) {
    const auto services = test_services();
    const TestService& s = services[random_() % 13];
    constexpr std::uint8_t flags[] = {TD_TCP_SYN, TD_TCP_SYN, TD_TCP_ACK, TD_TCP_FIN | TD_TCP_ACK,
                                      TD_TCP_RST};
    const Segment segment{.client = static_cast<unsigned>(1 + random_() % 200),
                          .port = static_cast<std::uint16_t>(2000 + random_() % 5),
                          .flags = flags[random_() % 5]};
    const auto frame = to_service(s, segment);
    if (td_is_punt(side.memory.node.steer(frame, rig::kLink, now).reason))
      side.memory.node.admit(frame, rig::kLink, now);
  }
  void until_proved(int most = 500) {
    for (int i = 0; i < most && !a.all_proved(); i++) step();
  }
  // A second in ten steps, until both have the same.
  void until_equal(int most_seconds) {
    for (int i = 0; i < most_seconds && a.picture() != b.picture(); i++)
      for (int n = 0; n < 10; n++) step(1 << 20, milliseconds(100));
  }

  MonotonicTime now = MonotonicClock::now();
  Side a{now}, b{now};
  std::mt19937 random_;
};

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
