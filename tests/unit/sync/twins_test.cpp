// SPDX-License-Identifier: Apache-2.0
// Two services with the same servers, of which each node decides about one: least connections and
// max_connections go by the connections of both.
#include "pair.hpp"

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

class Twins : public testing::Test {
 protected:
  // Both dsr or nat, with the slots 2N and 2N + 1; they are on different virtual routers.
  static constexpr std::uint16_t kAtA = 4, kAtB = 13;

  Twins() {
    for (Side* side : {&pair.a, &pair.b}) {
      set_lease(*side, kAtA, side == &pair.a);
      set_lease(*side, kAtB, side == &pair.b);
      make_twins(*side, 0);
    }
    pair.connect();
    steps(20);
  }
  void make_twins(Side& side, std::uint32_t most) {
    for (std::uint16_t i = 0; i < 2; i++)
      side.memory.node.make_twins(static_cast<std::uint16_t>(2 * kAtA + i),
                                  static_cast<std::uint16_t>(2 * kAtB + i), pair.now, most);
  }
  void set_lease(Side& side, std::uint16_t service, bool held) {
    auto& tables = side.memory.memory.tables();
    auto& router = tables.vrouter[tables.service[service].vrouter];
    router.lease_ns = held ? to_ns(pair.now + std::chrono::hours(1)) : 0;
    router.lease_jiffies = held ? ~std::uint64_t{0} : 0;
  }
  td_reason open(Side& side, std::uint16_t service, std::uint16_t port) {
    const auto frame = to_service(test_services()[service - 1U], {.port = port});
    const auto admitted = side.memory.node.admit(frame, rig::kLink, pair.now);
    last = admitted.out.backend;
    return admitted.reason;
  }
  void steps(int count) {
    for (int i = 0; i < count; i++) pair.step();
  }
  static std::uint32_t active(Side& side, std::uint16_t slot) {
    return side.memory.node.forwarder().counts().active(slot);
  }
  static void expect_equal_counts(Side& side) {
    const auto sums = side.memory.node.forwarder().sums();
    EXPECT_EQ(sums.in_table, sums.in_schedulers);
    const auto elsewhere = side.memory.node.forwarder().sums_elsewhere();
    EXPECT_EQ(elsewhere.in_table, elsewhere.in_schedulers);
  }

  Pair pair{31};
  std::uint16_t last = 0;
};

TEST_F(Twins, LeastConnectionsGoesByThoseOfBothNodes) {
  for (std::uint16_t port = 1; port <= 10; port++)
    ASSERT_EQ(open(pair.b, kAtB, port), TD_TX_FORWARD);
  // One of b's servers loses all of its connections.
  auto& f = pair.b.memory.node.forwarder();
  std::vector<std::uint64_t> gone;
  f.flows4().for_each([&](const auto& flow) {
    if (flow.backend == 2 * kAtB) gone.push_back(flow.key);
  });
  ASSERT_EQ(gone.size(), 5U);
  for (const auto key : gone) const_cast<flow::FlowTable4&>(f.flows4()).erase(key);
  steps(5);
  expect_equal_counts(pair.a);
  for (std::uint16_t port = 1; port <= 5; port++) {
    ASSERT_EQ(open(pair.a, kAtA, port), TD_TX_FORWARD);
    EXPECT_EQ(last, 2 * kAtA) << port;  // until both servers have five
  }
  ASSERT_EQ(open(pair.a, kAtA, 6), TD_TX_FORWARD);
  ASSERT_EQ(open(pair.a, kAtA, 7), TD_TX_FORWARD);
  EXPECT_EQ(active(pair.a, 2 * kAtA), 6U);
  EXPECT_EQ(active(pair.a, 2 * kAtA + 1), 1U);
  steps(5);
  for (Side* side : {&pair.a, &pair.b}) expect_equal_counts(*side);
}

TEST_F(Twins, NoServerGetsMoreThanItsLimitFromBothTogether) {
  for (Side* side : {&pair.a, &pair.b}) make_twins(*side, 5);
  for (std::uint16_t port = 1; port <= 6; port++)
    ASSERT_EQ(open(pair.b, kAtB, port), TD_TX_FORWARD);
  steps(5);
  for (std::uint16_t port = 1; port <= 4; port++)
    ASSERT_EQ(open(pair.a, kAtA, port), TD_TX_FORWARD) << port;
  EXPECT_NE(open(pair.a, kAtA, 5), TD_TX_FORWARD);
  steps(5);
  EXPECT_NE(open(pair.b, kAtB, 7), TD_TX_FORWARD);
  for (Side* side : {&pair.a, &pair.b}) expect_equal_counts(*side);
}

// What was the peer's half a minute ago is not believed any more, until it can be heard again.
TEST_F(Twins, APeerThatCannotBeHeardDoesNotCount) {
  for (Side* side : {&pair.a, &pair.b}) make_twins(*side, 5);
  for (std::uint16_t port = 1; port <= 10; port++)
    ASSERT_EQ(open(pair.b, kAtB, port), TD_TX_FORWARD);
  steps(5);
  EXPECT_NE(open(pair.a, kAtA, 1), TD_TX_FORWARD);
  pair.disconnect();
  for (int i = 0; i < 29; i++) pair.step(1, std::chrono::seconds(1));
  EXPECT_NE(open(pair.a, kAtA, 1), TD_TX_FORWARD);
  for (int i = 0; i < 3; i++) pair.step(1, std::chrono::seconds(1));
  EXPECT_EQ(open(pair.a, kAtA, 1), TD_TX_FORWARD);
  expect_equal_counts(pair.a);
  pair.connect();
  steps(5);
  EXPECT_NE(open(pair.a, kAtA, 2), TD_TX_FORWARD);
  expect_equal_counts(pair.a);
}

// After a takeover all of them are this node's, and age.
TEST_F(Twins, CountOnAfterATakeover) {
  for (std::uint16_t port = 1; port <= 10; port++)
    ASSERT_EQ(open(pair.b, kAtB, port), TD_TX_FORWARD);
  steps(5);
  pair.disconnect();
  set_lease(pair.a, kAtB, true);
  for (int i = 0; i < 40; i++) pair.step(1, std::chrono::seconds(1));
  expect_equal_counts(pair.a);
  EXPECT_EQ(pair.a.memory.node.forwarder().sums_elsewhere().in_schedulers, 10U);
}

// Seeds: packets, restarts of schedulers, backends that come and go, twins that are no twins any more.
TEST_F(Twins, CountsAreThoseOfTheTablesWhateverHappens) {
  for (unsigned seed = 1; seed <= 40; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair played(seed);
    for (Side* side : {&played.a, &played.b}) {
      set_lease(*side, kAtA, side == &played.a);
      set_lease(*side, kAtB, side == &played.b);
    }
    played.connect();
    for (int i = 0; i < 300; i++) {
      Side& side = played.random_() % 2 == 0 ? played.a : played.b;
      const auto slot = static_cast<std::uint16_t>(2 * kAtA + played.random_() % 2);
      switch (played.random_() % 40) {
        case 0:
          side.memory.node.make_twins(slot, static_cast<std::uint16_t>(slot - 2 * kAtA + 2 * kAtB),
                                      played.now, static_cast<std::uint32_t>(played.random_() % 9));
          break;
        case 1:
          side.memory.node.set_backend(slot, balance::State::up, 1, played.now);
          break;
        case 2:
          side.memory.node.set_backend(slot, balance::State::down, 1, played.now);
          break;
        case 3:
          played.disconnect();
          break;
        case 4:
          if (!side.session) played.connect();
          break;
        case 5:
          if (!side.session) played.step(1, std::chrono::seconds(20));
          break;
        case 6:
          set_lease(side, kAtB, played.random_() % 2 == 0);
          break;
        default:
          for (int n = 0; n < 4; n++) {
            const std::uint16_t service = played.random_() % 2 == 0 ? kAtA : kAtB;
            const auto frame =
                to_service(test_services()[service - 1U],
                           {.client = static_cast<unsigned>(1 + played.random_() % 60),
                            .flags = played.random_() % 3 != 0 ? TD_TCP_SYN : TD_TCP_RST});
            if (td_is_punt(side.memory.node.steer(frame, rig::kLink, played.now).reason))
              side.memory.node.admit(frame, rig::kLink, played.now);
          }
          played.step();
      }
    }
    // While lists of twins are one-sided their sums are, too: they are told anew, as a reload does.
    for (Side* side : {&played.a, &played.b}) {
      make_twins(*side, 0);
      expect_equal_counts(*side);
    }
    for (int i = 0; i < 20; i++) {
      for (Side* side : {&played.a, &played.b}) {
        const auto frame =
            to_service(test_services()[kAtA - 1U], {.client = static_cast<unsigned>(100 + i)});
        if (td_is_punt(side->memory.node.steer(frame, rig::kLink, played.now).reason))
          side->memory.node.admit(frame, rig::kLink, played.now);
      }
      if (played.a.session) played.step();
      for (Side* side : {&played.a, &played.b}) expect_equal_counts(*side);
    }
  }
}

}  // namespace
}  // namespace tandem::sync
