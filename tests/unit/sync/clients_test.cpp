// SPDX-License-Identifier: Apache-2.0
// Affinity over a move: a client that comes again gets the backend that it had at the other node.
#include "pair.hpp"

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

constexpr Duration kHold = std::chrono::minutes(10);

// dsr, over IPv4 and IPv6.
const TestService kService4 = test_services()[3], kService6 = test_services()[9];

class HeldClients : public testing::Test {
 protected:
  HeldClients() {
    for (Side* side : {&pair.a, &pair.b}) hold_at(*side, kHold);
  }
  void hold_at(Side& side, Duration hold) {
    for (const TestService& s : {kService4, kService6})
      side.memory.node.set_affinity(s, hold, pair.now);
  }
  // The backend that a new flow of the client gets.
  std::uint16_t backend_of(Side& side, const TestService& service, unsigned client,
                           std::uint16_t port) {
    const auto frame = to_service(service, {.client = client, .port = port});
    const auto admitted = side.memory.node.admit(frame, rig::kLink, pair.now);
    EXPECT_EQ(admitted.reason, TD_TX_FORWARD);
    return admitted.out.backend;
  }
  // Of each of many clients: least connections alone would give half of them another backend.
  std::vector<std::uint16_t> backends(Side& side, std::uint16_t port) {
    std::vector<std::uint16_t> all;
    for (const TestService& s : {kService4, kService6})
      for (unsigned client = 1; client <= kClients; client++)
        all.push_back(backend_of(side, s, client, port));
    return all;
  }
  void steps(int count, Duration time = milliseconds(1)) {
    for (int i = 0; i < count; i++) pair.step(1 << 20, time);
  }
  void move_to_b() {
    pair.a.set_lease(false, pair.now);
    pair.b.set_lease(true, pair.now);
    steps(1);
  }
  // So that neither counts nor flows tell where they were.
  void forget_flows(Side& side) {
    auto& f = side.memory.node.forwarder();
    std::vector<std::uint64_t> keys4;
    f.flows4().for_each([&](const auto& flow) { keys4.push_back(flow.key); });
    for (const auto key : keys4) const_cast<flow::FlowTable4&>(f.flows4()).erase(key);
    std::vector<td_flow6_key> keys6;
    f.flows6().for_each([&](const auto& flow) { keys6.push_back(flow.key); });
    for (const auto& key : keys6) const_cast<flow::FlowTable6&>(f.flows6()).erase(key);
  }

  static constexpr unsigned kClients = 60;
  Pair pair{21};
};

TEST_F(HeldClients, ComeToTheSameBackendAfterAMove) {
  pair.connect();
  steps(10);
  const auto before = backends(pair.a, 4'000);
  steps(10);
  forget_flows(pair.a);
  steps(10);
  move_to_b();
  // One more at another place in line, so that the turns are not those of before.
  backend_of(pair.b, kService4, 200, 4'000);
  backend_of(pair.b, kService6, 200, 4'000);
  EXPECT_EQ(backends(pair.b, 4'001), before);
}

TEST_F(HeldClients, OfBeforeTheSessionAreToldWhenItBegins) {
  const auto before = backends(pair.a, 4'000);
  forget_flows(pair.a);
  pair.connect();
  steps(100);
  EXPECT_GE(pair.b.receiver->counters().clients, 2 * kClients);
  move_to_b();
  backend_of(pair.b, kService4, 200, 4'000);
  backend_of(pair.b, kService6, 200, 4'000);
  EXPECT_EQ(backends(pair.b, 4'001), before);
}

// A node that starts anew and decides at once gets back what it had told, from its replica.
TEST_F(HeldClients, ComeBackToANodeThatWasStartedAnew) {
  pair.connect();
  steps(10);
  const auto before = backends(pair.a, 4'000);
  steps(10);
  forget_flows(pair.a);
  steps(10);
  hold_at(pair.a, kHold + milliseconds(1));  // forgets all clients
  const auto news = backend_of(pair.a, kService4, 1, 4'001);
  pair.connect();
  steps(100);
  auto expected = before;
  expected[0] = news;  // what it decided since stays
  EXPECT_EQ(backends(pair.a, 4'002), expected);
}

// One that the ring had no room for, or whose backend a later reload brought.
TEST_F(HeldClients, ThatTheOtherNodeLacksAreToldAgainInTurn) {
  pair.connect();
  steps(10);
  const auto before = backends(pair.a, 4'000);
  steps(10);
  forget_flows(pair.a);
  hold_at(pair.b, kHold + milliseconds(1));  // forgets all clients
  steps(200, milliseconds(100));
  for (int i = 0; i < 15'000; i++) {
    pair.a.work(pair.now);
    if (i % 100 == 0) steps(1);
  }
  steps(5);
  move_to_b();
  backend_of(pair.b, kService4, 200, 4'000);
  backend_of(pair.b, kService6, 200, 4'000);
  EXPECT_EQ(backends(pair.b, 4'001), before);
}

TEST_F(HeldClients, AreToldSeldomWhileTheyStayWhereTheyAre) {
  pair.connect();
  steps(50);
  const auto sent = [&] { return pair.a.sender->counters().clients; };
  const auto before = sent();
  for (std::uint16_t port = 1; port <= 200; port++) backend_of(pair.a, kService4, 7, port);
  steps(5);
  EXPECT_LE(sent() - before, 1 + 1U);  // perhaps in its turn besides
}

TEST_F(HeldClients, AreHeldForNoLongerThanTheyWere) {
  pair.connect();
  steps(10);
  backend_of(pair.a, kService4, 1, 4'000);
  steps(5);
  const auto client = client_address(Family::ipv4, 1);
  const auto held = [&](Side& side) {
    return side.memory.node.forwarder().preview(kService4.number, client, 1, pair.now).held;
  };
  EXPECT_TRUE(held(pair.b));
  pair.disconnect();
  pair.now += kHold + milliseconds(10);
  EXPECT_FALSE(held(pair.b));
}

// Where the other node has no affinity, or does not know the backend, nothing happens.
TEST_F(HeldClients, AreLeftOutWhereNothingHoldsThem) {
  for (const TestService& s : {kService4, kService6})
    pair.b.memory.node.set_affinity(s, {}, pair.now);
  pair.connect();
  steps(10);
  backends(pair.a, 4'000);
  steps(50);
  EXPECT_FALSE(pair.b.memory.node.forwarder()
                   .preview(kService4.number, client_address(Family::ipv4, 1), 1, pair.now)
                   .held);
  pair.until_proved();
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
}

}  // namespace
}  // namespace tandem::sync
