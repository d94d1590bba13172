// SPDX-License-Identifier: Apache-2.0
// First packets in each mode: where they go, what they look like then, what is remembered.
#include <gtest/gtest.h>
#include <map>

#include <algorithm>
#include <array>
#include <map>

#include "service_node.hpp"

namespace tandem {
namespace {

using forward::Forwarder;

const TestService& service(std::uint16_t number) {
  static const auto all = test_services();
  return all[number - 1U];
}

class Admission : public testing::Test {
 protected:
  ServiceNode::Outcome admit(const frames::Bytes& frame, std::uint32_t link = rig::kLink) {
    return node_.admit(frame, link, now_);
  }
  ServiceNode::Outcome steer(const frames::Bytes& frame, std::uint32_t link = rig::kLink) {
    return node_.steer(frame, link, now_);
  }
  void set_all(std::uint16_t number, balance::State state, std::uint16_t weight = 1,
               std::uint32_t most = 0) {
    for (int slot = 2 * number; slot < 2 * number + 2; slot++)
      node_.set_backend(static_cast<std::uint16_t>(slot), state, weight, now_, most);
  }
  [[nodiscard]] std::uint64_t active(int slot) {
    return node_.forwarder().counts().active(static_cast<std::uint16_t>(slot));
  }

  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode memory_{now_};
  ServiceNode& node_ = memory_.node;
};

// Behind the addresses: what reads the rewritten frame.
struct Parsed {
  explicit Parsed(frames::Bytes bytes) : frame(std::move(bytes)) {
    td_parse(&p, frame.data(), frame.data() + frame.size(), TD_FULL);
  }
  [[nodiscard]] IpAddress address(const std::uint8_t* at) const {
    return p.family == 4 ? IpAddress::v4(std::span<const std::uint8_t, 4>(at, 4))
                         : IpAddress::v6(std::span<const std::uint8_t, 16>(at, 16));
  }
  [[nodiscard]] IpAddress source() const { return address(td_ip_source(&p)); }
  [[nodiscard]] IpAddress destination() const { return address(td_ip_destination(&p)); }
  frames::Bytes frame;
  td_packet p{};
};

// ---- Every mode

class EveryService : public Admission, public testing::WithParamInterface<std::uint16_t> {};

TEST_P(EveryService, GoesToABackendAndIsFoundThereFromThenOn) {
  const TestService& s = service(GetParam());
  const auto frame = to_service(s, {});
  ASSERT_TRUE(has_good_checksums(frame));
  EXPECT_EQ(steer(frame).reason, TD_PUNT_MISS);
  const auto first = admit(frame);
  ASSERT_EQ(first.reason, TD_TX_FORWARD);
  ASSERT_EQ(first.out.backend / 2, s.number);
  const int i = first.out.backend % 2;
  EXPECT_EQ(first.out.ifindex == 0 ? rig::kLink : first.out.ifindex,
            i == 0 ? rig::kLink : rig::kOtherLink);

  const Parsed sent(first.frame);
  EXPECT_TRUE(has_good_checksums(first.frame));
  EXPECT_EQ(sent.destination(), s.mode == TD_MODE_DSR ? s.address : backend_address(s.backends, i));
  if (s.is_nat()) {
    EXPECT_EQ(sent.p.destination_port, s.backend_port);
  }
  if (s.mode != TD_MODE_TUNNEL) {
    EXPECT_EQ(sent.source(), s.mode == TD_MODE_FULLNAT ? source_address(s.backends)
                                                       : client_address(s.address.family(), 1));
  }
  EXPECT_EQ(sent.p.vlan[0], i == 0 ? 0 : 77);

  // XDP now does the same by itself.
  const auto next = steer(frame);
  EXPECT_EQ(next.reason, TD_TX_FORWARD);
  EXPECT_EQ(next.frame, first.frame);
  EXPECT_EQ(active(first.out.backend), 1U);
}

TEST_P(EveryService, ADuplicateOfTheFirstPacketGetsTheFirstDecision) {
  const auto frame = to_service(service(GetParam()), {});
  const auto first = admit(frame);
  for (int i = 0; i < 5; i++) EXPECT_EQ(admit(frame).frame, first.frame);
  EXPECT_EQ(node_.forwarder().sums().in_table, 1U);
  EXPECT_EQ(node_.forwarder().of_service(GetParam()).picks, 1U);
}

TEST_P(EveryService, TakesConnectionsInTurnWhenBackendsAreEqual) {
  for (std::uint16_t n = 0; n < 40; n++)
    ASSERT_EQ(admit(to_service(service(GetParam()), {.port = static_cast<std::uint16_t>(2000 + n)}))
                  .reason,
              TD_TX_FORWARD);
  EXPECT_EQ(active(2 * GetParam()), 20U);
  EXPECT_EQ(active(2 * GetParam() + 1), 20U);
}

TEST_P(EveryService, AnswersComeBackToTheClientInTheServicesName) {
  const TestService& s = service(GetParam());
  if (!s.is_nat()) return;  // they do not come by
  const Segment segment{.client = 3, .port = 45678};
  const auto out = admit(to_service(s, segment));
  const auto port = static_cast<std::uint16_t>(
      s.mode == TD_MODE_FULLNAT ? Parsed(out.frame).p.source_port : segment.port);
  Segment back = segment;
  back.flags = TD_TCP_SYN | TD_TCP_ACK;
  back.payload = 100;
  const int i = out.out.backend % 2;
  const auto reply = steer(from_backend(s, i, back, port), i == 0 ? rig::kLink : rig::kOtherLink);
  ASSERT_EQ(reply.reason, TD_TX_REPLY);
  EXPECT_TRUE(has_good_checksums(reply.frame));
  const Parsed sent(reply.frame);
  EXPECT_EQ(sent.source(), s.address);
  EXPECT_EQ(sent.p.source_port, s.port);
  EXPECT_EQ(sent.destination(), client_address(s.address.family(), 3));
  EXPECT_EQ(sent.p.destination_port, 45678);
  EXPECT_TRUE(std::ranges::equal(std::span(reply.frame).first(6), frames::kClientMac.bytes));
  EXPECT_EQ(sent.p.vlan[0], s.vlan[0]);
  EXPECT_EQ(sent.p.vlan[1], s.vlan[1]);
  // The other backend has no such flow. The IPv6 source is a virtual address.
  const td_reason without_flow = s.mode == TD_MODE_NAT        ? TD_DROP_NO_FLOW
                                 : s.backends == Family::ipv6 ? TD_PASS_ACCEPTED
                                                              : TD_PASS_NO_FLOW;
  EXPECT_EQ(steer(from_backend(s, 1 - i, back, static_cast<std::uint16_t>(port + 1)),
                  i == 0 ? rig::kOtherLink : rig::kLink)
                .reason,
            without_flow);
}

TEST_P(EveryService, NobodyThereIsRefusedOrDropped) {
  const TestService& s = service(GetParam());
  set_all(s.number, balance::State::down);
  const auto refused = admit(to_service(s, {}));
  EXPECT_EQ(refused.reason, TD_TX_REFUSED);
  EXPECT_TRUE(has_good_checksums(refused.frame) || s.udp);
  const Parsed answer(refused.frame);
  EXPECT_EQ(answer.source(), s.address);
  EXPECT_EQ(answer.destination(), client_address(s.address.family(), 1));
  EXPECT_EQ(node_.forwarder().of_service(s.number).refused, 1U);
  EXPECT_EQ(node_.forwarder().sums().in_table, 0U);
  if (s.udp) return;
  EXPECT_EQ(answer.p.l4[13], TD_TCP_RST | TD_TCP_ACK);
  EXPECT_NE(admit(to_service(s, {.flags = TD_TCP_RST})).reason, TD_TX_REFUSED);
}

INSTANTIATE_TEST_SUITE_P(Modes, EveryService, testing::Range<std::uint16_t>(1, 14));

// ---- What is no first packet

TEST_F(Admission, AnAckWithoutAFlowIsJoinedByAHashThatBothNodesShare) {
  MemoryNode other(now_);
  for (const std::uint16_t number : std::array<std::uint16_t, 6>{1, 4, 5, 7, 10, 11})
    for (std::uint16_t port = 1000; port < 1100; port++) {
      const auto frame = to_service(service(number), {.port = port, .flags = TD_TCP_ACK});
      const auto here = admit(frame), there = other.node.admit(frame, rig::kLink, now_);
      ASSERT_EQ(here.reason, TD_TX_FORWARD);
      ASSERT_EQ(here.out.backend, there.out.backend);
    }
  EXPECT_EQ(node_.forwarder().of_service(4).joined, 100U);
  EXPECT_EQ(node_.forwarder().of_service(4).picks, 0U);
}

TEST_F(Admission, AFinOrRstWithoutAFlowGoesByHashAndIsNotRemembered) {
  for (const std::uint8_t flags : std::array<std::uint8_t, 2>{TD_TCP_FIN | TD_TCP_ACK, TD_TCP_RST})
    EXPECT_EQ(admit(to_service(service(4), {.flags = flags})).reason, TD_TX_HASHED);
  EXPECT_EQ(node_.forwarder().sums().in_table, 0U);
}

TEST_F(Admission, APortThatIsUsedAgainIsPickedAnew) {
  const Segment syn{.port = 5000};
  ASSERT_EQ(admit(to_service(service(4), syn)).reason, TD_TX_FORWARD);
  const Segment ack{.port = 5000, .flags = TD_TCP_ACK};
  const Segment reset{.port = 5000, .flags = TD_TCP_RST};
  EXPECT_EQ(steer(to_service(service(4), ack)).reason, TD_TX_FORWARD);
  EXPECT_EQ(steer(to_service(service(4), reset)).reason, TD_TX_FORWARD);
  EXPECT_EQ(node_.forwarder().sums().in_table, 0U);  // by the event, at once
  EXPECT_EQ(steer(to_service(service(4), syn)).reason, TD_PUNT_MISS);
  EXPECT_EQ(admit(to_service(service(4), syn)).reason, TD_TX_FORWARD);
  EXPECT_EQ(node_.forwarder().of_service(4).picks, 2U);
  EXPECT_EQ(node_.forwarder().sums().in_table, 1U);
}

TEST_F(Admission, AClientBehindAnotherRouterIsAnsweredThere) {
  const TestService& s = service(1);
  const MacAddress router{{0x02, 0, 0, 0, 0, 0x99}};
  const auto out = admit(to_service(s, {}));
  const int i = out.out.backend % 2;
  now_ += std::chrono::seconds(1);  // looked at once a tick
  const auto moved = to_service(s, {.flags = TD_TCP_ACK, .mac = router});
  ASSERT_EQ(steer(moved).reason, TD_PUNT_MISS);
  EXPECT_EQ(admit(moved).reason, TD_TX_FORWARD);
  const auto reply = steer(from_backend(s, i, {.flags = TD_TCP_ACK}, 40000),
                           i == 0 ? rig::kLink : rig::kOtherLink);
  ASSERT_EQ(reply.reason, TD_TX_REPLY);
  EXPECT_TRUE(std::ranges::equal(std::span(reply.frame).first(6), router.bytes));
}

TEST_F(Admission, WithoutALeaseNothingIsAdmitted) {
  const auto frame = to_service(service(14), {});
  EXPECT_EQ(steer(frame).reason, TD_DROP_NO_LEASE);
  EXPECT_EQ(admit(frame).reason, TD_DROP_NO_LEASE);
  EXPECT_EQ(node_.forwarder().sums().in_table, 0U);
}

// ---- Limits

TEST_F(Admission, WithOnePacketSchedulingEachDatagramGetsABackendOfItsOwn) {
  const TestService& s = service(6);
  ASSERT_EQ(admit(to_service(s, {.port = 7})).reason, TD_TX_FORWARD);  // a flow of before
  node_.set_one_packet(s, now_);
  for (int i = 0; i < 4096; i++) node_.forwarder().sweep(1, node_.tick(now_));
  std::map<std::uint16_t, int> packets;
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(steer(to_service(s, {.port = 7})).reason, TD_PUNT_MISS);
    const auto sent = admit(to_service(s, {.port = 7}));
    ASSERT_EQ(sent.reason, TD_TX_FORWARD);
    packets[sent.out.backend]++;
  }
  EXPECT_EQ(packets, (std::map<std::uint16_t, int>{{12, 5}, {13, 5}}));
  EXPECT_EQ(node_.forwarder().sums().in_table, 0U);
  EXPECT_EQ(node_.forwarder().sums().in_schedulers, 0U);
  EXPECT_EQ(node_.forwarder().of_service(6).picks, 11U);
}

TEST_F(Admission, APacketOfNoServiceIsJudgedAsXdpWould) {
  EXPECT_EQ(admit(frames::ipv4({frames::ip("203.0.113.77")}, frames::tcp(80))).reason,
            TD_PASS_OTHER);
}

TEST_F(Admission, AffinityByPrefixHoldsTheClientsOfANetworkTogether) {
  const TestService& s = service(1);
  node_.set_affinity(s, std::chrono::minutes(1), now_, 24);
  std::map<std::uint16_t, int> flows;
  for (unsigned client = 1; client <= 8; client++)
    flows[admit(to_service(s, {.client = client})).out.backend]++;
  EXPECT_EQ(flows.size(), 1U);
  node_.set_affinity(s, std::chrono::minutes(2), now_, 32);
  for (unsigned client = 21; client <= 28; client++)
    flows[admit(to_service(s, {.client = client})).out.backend]++;
  EXPECT_EQ(flows.size(), 2U);
}

TEST_F(Admission, MaxConnectionsAreNotExceeded) {
  set_all(4, balance::State::up, 1, 3);
  for (std::uint16_t port = 1; port <= 6; port++)
    EXPECT_EQ(admit(to_service(service(4), {.port = port})).reason, TD_TX_FORWARD);
  EXPECT_EQ(admit(to_service(service(4), {.port = 7})).reason, TD_TX_REFUSED);
  EXPECT_EQ(active(8), 3U);
  EXPECT_EQ(active(9), 3U);
}

TEST_F(Admission, DrainedBackendsKeepTheirFlowsAndGetNone) {
  const auto first = admit(to_service(service(4), {.port = 1}));
  node_.set_backend(first.out.backend, balance::State::draining, 1, now_);
  for (std::uint16_t port = 2; port <= 9; port++)
    EXPECT_NE(admit(to_service(service(4), {.port = port})).out.backend, first.out.backend);
  EXPECT_EQ(steer(to_service(service(4), {.port = 1, .flags = TD_TCP_ACK})).out.backend,
            first.out.backend);
}

// Services 1 and 13 both send to 203.0.113.1:9001. A backend cannot tell two flows from one client
// port, and so no answer could be told either.
class Twins : public Admission {
 protected:
  void SetUp() override {
    set(2, 1, 26);
    set(26, 13, 2);
    node_.set_backend(27, balance::State::down, 1, now_);
  }
  void set(std::uint16_t slot, std::uint16_t service, std::uint16_t twin) {
    forward::BackendSettings settings;
    settings.service = service;
    settings.address = backend_address(Family::ipv4, 0);
    settings.port = 9001;
    settings.balance.identity = slot;
    settings.balance.weight = 1;
    settings.balance.state = balance::State::up;
    settings.hop = node_.env().hops[node_.env().backends[2].hop];
    settings.shared_with = {twin};
    node_.forwarder().set_backend(slot, settings, now_);
  }
  static constexpr Segment kSyn{.port = 5000};
};

TEST_F(Twins, GoToDifferentBackends) {
  ASSERT_EQ(admit(to_service(service(13), kSyn)).out.backend, 26);
  EXPECT_EQ(admit(to_service(service(1), kSyn)).out.backend, 3);
  node_.set_backend(3, balance::State::down, 1, now_);
  EXPECT_EQ(admit(to_service(service(1), {.client = 2, .port = 5000})).out.backend, 2);
  EXPECT_EQ(admit(to_service(service(13), {.client = 2, .port = 5000})).reason, TD_TX_REFUSED);
  EXPECT_EQ(node_.forwarder().sums().in_table, 3U);
  EXPECT_EQ(node_.forwarder().sums().in_schedulers, 3U);
}

TEST_F(Twins, TheOneThatIsOverMakesWay) {
  node_.set_backend(3, balance::State::down, 1, now_);
  ASSERT_EQ(admit(to_service(service(13), kSyn)).out.backend, 26);
  Segment reset = kSyn;
  reset.flags = TD_TCP_RST;
  ASSERT_EQ(steer(to_service(service(13), reset)).reason, TD_TX_FORWARD);
  EXPECT_EQ(admit(to_service(service(1), kSyn)).out.backend, 2);
  EXPECT_EQ(node_.forwarder().flows4().flows(), 1U);
  EXPECT_EQ(node_.forwarder().sums().in_table, 1U);
}

TEST_F(Admission, SourcePortsRunOutAndComeBack) {
  forward::PortPool pool;
  std::vector<bool> seen(65536);
  for (int n = 0; n < 65536 - 1024; n++) {
    const auto port = pool.take();
    ASSERT_TRUE(port);
    ASSERT_GE(*port, forward::PortPool::kFirst);
    ASSERT_FALSE(seen[*port]);
    seen[*port] = true;
  }
  EXPECT_FALSE(pool.take());
  pool.give(2000);
  EXPECT_EQ(pool.take(), 2000);
  forward::PortPool other;
  other.begin_at(65535);  // once round, and some more
  EXPECT_EQ(other.take(), 1024 + 1023);
}

TEST_F(Admission, AFullTableGivesSourcePortsBack) {
  const TestService& s = service(3);
  std::uint32_t taken = 0;
  td_reason reason = TD_TX_FORWARD;
  // The flow table is the smaller one: half-open flows give way there, and their ports come back.
  for (std::uint32_t n = 0; n < 10'000; n++) {
    reason = admit(to_service(s, {.client = 1 + n / 60'000,
                                  .port = static_cast<std::uint16_t>(1 + n % 60'000)}))
                 .reason;
    taken += reason == TD_TX_FORWARD;
  }
  EXPECT_EQ(taken, 10'000U);
  EXPECT_LE(node_.forwarder().flows4().flows(), ServiceNode::kFlows);
  EXPECT_GT(node_.forwarder().flows4().evictions(), 7'000U);
  EXPECT_EQ(node_.forwarder().sums().in_table, node_.forwarder().sums().in_schedulers);
}

// ---- Checksums that are left for a device

// As containers send it.
void leave_unfinished(frames::Bytes& frame) {
  const Parsed parsed(frame);
  const td_packet& p = parsed.p;
  const auto at = static_cast<std::size_t>(p.l4 - p.eth);
  const auto size = static_cast<std::uint32_t>(frame.size() - at);
  const std::uint32_t sum =
      td_csum_pseudo_header(0, td_ip_source(&p), td_ip_destination(&p), td_address_bytes(p.family),
                            size, static_cast<std::uint8_t>(p.protocol));
  store_be16(&frame[at + (p.protocol == TD_PROTO_TCP ? 16U : 6U)],
             static_cast<std::uint16_t>(~td_csum_fold(sum)));
}

TEST_P(EveryService, IsNotGivenAnUnfinishedChecksum) {
  const TestService& s = service(GetParam());
  for (const std::size_t payload : {0U, 1U, 7U, 1000U}) {
    auto frame = to_service(s, {.payload = payload});
    leave_unfinished(frame);
    EXPECT_EQ(admit(frame).reason, TD_DROP_UNFINISHED) << payload;
  }
  EXPECT_EQ(node_.forwarder().flows4().flows() + node_.forwarder().flows6().flows(), 0U);
}

TEST_F(Admission, AChecksumThatLooksUnfinishedByChanceIsGood) {
  const TestService& s = service(1);
  for (std::uint32_t n = 0; n < 1'000'000; n++) {
    const auto frame = to_service(
        s, {.client = 1 + n / 60'000, .port = static_cast<std::uint16_t>(1 + n % 60'000)});
    auto unfinished = frame;
    leave_unfinished(unfinished);
    if (unfinished != frame) continue;
    EXPECT_EQ(admit(frame).reason, TD_TX_FORWARD);
    return;
  }
  FAIL() << "one in 65,535 is such";
}

// ---- nat, with clients behind more neighbours than there are places for

class Neighbours : public testing::Test {
 protected:
  static constexpr std::uint32_t kPlaces = TD_MAX_HOPS - 1;

  static Segment segment(std::uint32_t n, std::uint8_t flags) {
    const auto byte = [&](int shift) { return static_cast<std::uint8_t>(n >> shift); };
    return {.client = 1 + n / 60'000,
            .port = static_cast<std::uint16_t>(1 + n % 60'000),
            .flags = flags,
            .mac = {{0x02, 1, 0, byte(16), byte(8), byte(0)}}};
  }
  td_reason open(std::uint32_t n) {
    return memory_.node.admit(to_service(service_, segment(n, TD_TCP_SYN)), rig::kLink, now_)
        .reason;
  }
  void establish(std::uint32_t n) {
    const auto first =
        memory_.node.admit(to_service(service_, segment(n, TD_TCP_SYN)), rig::kLink, now_);
    ASSERT_EQ(first.reason, TD_TX_FORWARD) << n;
    const int which = first.out.backend % 2;
    auto answer = segment(n, TD_TCP_SYN | TD_TCP_ACK);
    ASSERT_EQ(memory_.node
                  .steer(from_backend(service_, which, answer, answer.port),
                         which == 0 ? rig::kLink : rig::kOtherLink, now_)
                  .reason,
              TD_TX_REPLY);
    ASSERT_EQ(continues(n), TD_TX_FORWARD);
  }
  td_reason continues(std::uint32_t n) {
    return memory_.node.steer(to_service(service_, segment(n, TD_TCP_ACK)), rig::kLink, now_)
        .reason;
  }
  forward::Forwarder& forwarder() { return memory_.node.forwarder(); }

  const TestService service_ = test_services()[0];
  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode memory_{now_, 100'000};
};

TEST_F(Neighbours, OfHalfOpenFlowsMakeRoomForOthers) {
  for (std::uint32_t n = 0; n < 10; n++) establish(n);
  for (std::uint32_t n = 10; n < kPlaces + 5'000; n++) ASSERT_EQ(open(n), TD_TX_FORWARD) << n;
  EXPECT_EQ(forwarder().hops().used(), kPlaces);
  EXPECT_GE(forwarder().flows4().evictions(), 5'000U);
  for (std::uint32_t n = 0; n < 10; n++) EXPECT_EQ(continues(n), TD_TX_FORWARD);
  EXPECT_EQ(forwarder().of_service(service_.number).crowded, 0U);
  EXPECT_EQ(forwarder().sums().in_table, forwarder().sums().in_schedulers);
}

TEST_F(Neighbours, OfConnectionsStay) {
  const std::uint32_t places = kPlaces - forwarder().hops().used();
  for (std::uint32_t n = 0; n < places; n++) ASSERT_NO_FATAL_FAILURE(establish(n));
  EXPECT_EQ(open(places), TD_DROP_NO_NEXT_HOP);
  EXPECT_EQ(forwarder().of_service(service_.number).crowded, 1U);
  EXPECT_EQ(forwarder().of_service(service_.number).exhausted, 0U);
  EXPECT_EQ(forwarder().flows4().flows(), places);
  EXPECT_EQ(continues(places / 2), TD_TX_FORWARD);
}

// ---- fullnat, with a flow table that has more room than a source address has ports

class Ports : public testing::Test {
 protected:
  static constexpr std::uint32_t kPorts = 65536 - 1024;
  static constexpr std::uint32_t kFlows = 100'000;

  // The n-th client's packet; `flags` other than SYN go by the flow.
  td_reason packet(std::uint32_t n, std::uint8_t flags) {
    const Segment segment{.client = 1 + n / 60'000,
                          .port = static_cast<std::uint16_t>(1 + n % 60'000),
                          .flags = flags};
    const auto frame = to_service(test_services()[2], segment);
    return flags == TD_TCP_SYN ? memory_.node.admit(frame, rig::kLink, now_).reason
                               : memory_.node.steer(frame, rig::kLink, now_).reason;
  }
  // Of both sides.
  void establish(std::uint32_t from, std::uint32_t to) {
    const TestService s = test_services()[2];
    for (std::uint32_t n = from; n < to; n++) {
      const Segment segment{.client = 1 + n / 60'000,
                            .port = static_cast<std::uint16_t>(1 + n % 60'000)};
      const auto first = memory_.node.admit(to_service(s, segment), rig::kLink, now_);
      ASSERT_EQ(first.reason, TD_TX_FORWARD);
      const int which = first.out.backend % 2;
      const auto answer = from_backend(s, which, {.flags = TD_TCP_SYN | TD_TCP_ACK},
                                       load_be16(&first.frame[(which == 0 ? 14U : 18U) + 20]));
      ASSERT_EQ(memory_.node.steer(answer, which == 0 ? rig::kLink : rig::kOtherLink, now_).reason,
                TD_TX_REPLY);
      ASSERT_EQ(packet(n, TD_TCP_ACK), TD_TX_FORWARD);
    }
  }
  forward::Forwarder& forwarder() { return memory_.node.forwarder(); }

  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode memory_{now_, kFlows};
};

// A flood of SYNs displaces its own half-open flows; those that were established keep their ports.
TEST_F(Ports, OfHalfOpenFlowsAreGivenToNewOnes) {
  establish(0, 100);
  std::uint32_t dropped = 0;
  for (std::uint32_t n = 100; n < 100 + 2 * kPorts; n++) {
    const td_reason reason = packet(n, TD_TCP_SYN);
    ASSERT_TRUE(reason == TD_TX_FORWARD || reason == TD_DROP_NO_SOURCE_PORT) << n;
    dropped += reason == TD_DROP_NO_SOURCE_PORT;
  }
  EXPECT_EQ(forwarder().flows4().flows(), kPorts);
  EXPECT_EQ(forwarder().flows4().evictions(), kPorts + 100 - dropped);
  // Where the search met the established ones, twice round at most.
  EXPECT_LE(dropped, 2 * 100 / 8 + 2);
  EXPECT_EQ(forwarder().of_service(3).exhausted, dropped);
  for (std::uint32_t n = 0; n < 100; n++) EXPECT_EQ(packet(n, TD_TCP_ACK), TD_TX_FORWARD);
  EXPECT_EQ(forwarder().sums().in_table, forwarder().sums().in_schedulers);
}

// They are the kernel's, and its settings may change while flows have them.
TEST_F(Ports, ThatAreNotUsableAreNotTaken) {
  const auto usable = [](std::uint32_t first, std::uint32_t last) {
    std::vector<bool> ports(65536);
    for (std::uint32_t port = first; port <= last; port++) ports[port] = true;
    return ports;
  };
  const auto port_of = [&](std::uint16_t client) {
    std::uint16_t port = 0;
    forwarder().flows4().for_each([&](const auto& flow) {
      if ((flow.key >> 16 & 0xffff) == client) port = flow.extra;
    });
    return port;
  };
  forwarder().set_usable_ports(usable(2000, 2009));
  establish(0, 10);  // client ports 1 to 10
  EXPECT_EQ(packet(10, TD_TCP_SYN), TD_DROP_NO_SOURCE_PORT);
  EXPECT_EQ(forwarder().stray_ports(), 0U);
  for (std::uint16_t client = 1; client <= 10; client++) {
    EXPECT_GE(port_of(client), 2000);
    EXPECT_LE(port_of(client), 2009);
  }
  EXPECT_EQ(forwarder().taken_ports(), usable(2000, 2009));
  forwarder().set_usable_ports(usable(3000, 3004));
  EXPECT_EQ(forwarder().stray_ports(), 10U);
  establish(10, 15);
  for (std::uint16_t client = 11; client <= 15; client++) EXPECT_GE(port_of(client), 3000);
  EXPECT_EQ(packet(15, TD_TCP_SYN), TD_DROP_NO_SOURCE_PORT);
  // What comes back is not given out again, until it may be.
  ASSERT_EQ(packet(0, TD_TCP_RST), TD_TX_FORWARD);
  now_ += std::chrono::seconds(20);
  forwarder().sweep(UINT32_MAX, memory_.node.tick(now_));
  EXPECT_EQ(forwarder().flows4().flows(), 14U);
  EXPECT_EQ(forwarder().stray_ports(), 9U);
  EXPECT_EQ(packet(15, TD_TCP_SYN), TD_DROP_NO_SOURCE_PORT);
  forwarder().set_usable_ports(usable(2000, 2009));
  EXPECT_EQ(forwarder().stray_ports(), 5U);
  EXPECT_EQ(packet(15, TD_TCP_SYN), TD_TX_FORWARD);
  EXPECT_GE(port_of(16), 2000);
  EXPECT_LE(port_of(16), 2009);
}

// Or none would be found while the search goes through the kernel's share.
TEST_F(Ports, ThatAreUsableAloneAreLookedAtForOneThatGivesWay) {
  std::vector<bool> usable(65536);
  for (std::uint32_t port = 0; port < 4; port++) usable[2000 + port] = usable[60000 + port] = true;
  forwarder().set_usable_ports(usable);
  establish(0, 8);
  for (std::uint16_t client = 8; client < 40; client++) {
    ASSERT_EQ(packet(static_cast<std::uint16_t>(client - 8), TD_TCP_RST), TD_TX_FORWARD);
    EXPECT_EQ(packet(client, TD_TCP_SYN), TD_TX_FORWARD) << client;
    establish(client, static_cast<std::uint16_t>(client + 1));
  }
}

TEST_F(Ports, OfEstablishedFlowsAreNot) {
  establish(0, kPorts);
  EXPECT_EQ(packet(kPorts, TD_TCP_SYN), TD_DROP_NO_SOURCE_PORT);
  EXPECT_EQ(forwarder().of_service(3).exhausted, 1U);
  EXPECT_EQ(forwarder().flows4().flows(), kPorts);
  ASSERT_EQ(packet(7, TD_TCP_RST), TD_TX_FORWARD);
  // It is found within as many tries as it takes to look at all ports.
  std::uint32_t tries = 1;
  while (packet(kPorts, TD_TCP_SYN) != TD_TX_FORWARD) tries++;
  EXPECT_LE(tries, kPorts / 8 + 1);
  EXPECT_EQ(forwarder().sums().in_table, forwarder().sums().in_schedulers);
}

TEST_F(Admission, WithoutANextHopABackendIsNotEligible) {
  forward::BackendSettings settings;
  settings.service = 4;
  settings.address = backend_address(Family::ipv4, 0);
  settings.port = 8004;
  settings.balance.identity = 8;
  settings.balance.weight = 1;
  settings.balance.state = balance::State::up;
  node_.forwarder().set_backend(8, settings, now_);
  EXPECT_FALSE(node_.forwarder().eligible(8));
  for (std::uint16_t port = 1; port <= 4; port++)
    EXPECT_EQ(admit(to_service(service(4), {.port = port})).out.backend, 9);
}

TEST_F(Admission, TheRestOfAServiceIsForgottenWithIt) {
  for (std::uint16_t port = 1; port <= 50; port++) {
    admit(to_service(service(1), {.port = port}));
    admit(to_service(service(4), {.port = port}));
  }
  node_.forwarder().remove_service(1);
  for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  EXPECT_EQ(node_.forwarder().flows4().flows(), 50U);
  EXPECT_EQ(active(2) + active(3), 0U);
  EXPECT_EQ(node_.forwarder().sums().in_table, 50U);
}

TEST_F(Admission, AServiceWhoseNumberIsUsedAgainAtOnceBeginsWithNoFlows) {
  for (std::uint16_t port = 1; port <= 50; port++) admit(to_service(service(1), {.port = port}));
  node_.forwarder().remove_service(1);
  forward::ServiceSettings settings;
  settings.mode = TD_MODE_NAT;
  node_.forwarder().set_service(1, settings, now_);
  EXPECT_EQ(node_.forwarder().flows4().flows(), 0U);
  EXPECT_EQ(node_.forwarder().hops().used(), 2U);  // the backends' own
}

TEST_F(Admission, DatagramsToABackendThatGoesDownGoToAnother) {
  for (std::uint16_t port = 1; port <= 20; port++) {
    admit(to_service(service(2), {.port = port}));
    admit(to_service(service(1), {.port = port}));
    steer(to_service(service(1), {.port = port, .flags = TD_TCP_ACK}));
  }
  node_.set_backend(4, balance::State::down, 1, now_);
  node_.set_backend(2, balance::State::down, 1, now_);
  for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  EXPECT_EQ(active(4), 0U);
  EXPECT_EQ(active(2), 10U);  // connections cannot go anywhere else
  for (std::uint16_t port = 1; port <= 20; port++)
    EXPECT_EQ(admit(to_service(service(2), {.port = port})).out.backend, 5);
}

TEST_F(Admission, ASynToABackendThatGoesDownIsScheduledAnew) {
  for (const auto& s : test_services()) {
    if (s.udp || s.number == 14) continue;
    for (std::uint16_t port = 1; port <= 20; port++) admit(to_service(s, {.port = port}));
    const auto slot = static_cast<std::uint16_t>(2 * s.number);
    EXPECT_EQ(active(slot), 10U) << s.number;
    node_.set_backend(slot, balance::State::down, 1, now_);
    for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
    EXPECT_EQ(active(slot), 0U) << s.number;
    for (std::uint16_t port = 1; port <= 20; port++)  // repeated
      EXPECT_EQ(admit(to_service(s, {.port = port})).out.backend, slot + 1) << s.number;
  }
}

TEST_F(Admission, ConnectionsEndWithTheirBackendIfTheServiceSaysSo) {
  forward::ServiceSettings settings;
  settings.identity = 4;
  settings.mode = TD_MODE_DSR;
  settings.ends_with_backend = true;
  node_.forwarder().set_service(4, settings, now_);
  for (std::uint16_t port = 1; port <= 20; port++) {
    admit(to_service(service(4), {.port = port}));
    steer(to_service(service(4), {.port = port, .flags = TD_TCP_ACK}));
  }
  node_.set_backend(8, balance::State::draining, 1, now_);
  for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  EXPECT_EQ(active(8), 10U);
  node_.set_backend(8, balance::State::down, 1, now_);
  for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  EXPECT_EQ(active(8), 0U);
  // The next segments go to a backend that knows nothing of them, and answers by RST.
  for (std::uint16_t port = 1; port <= 20; port++)
    EXPECT_EQ(admit(to_service(service(4), {.port = port, .flags = TD_TCP_ACK})).out.backend % 2,
              1);
}

TEST_F(Admission, DatagramsLeaveABackendThatIsRemoved) {
  for (std::uint16_t port = 1; port <= 20; port++) admit(to_service(service(2), {.port = port}));
  node_.set_backend(4, balance::State::draining, 1, now_);
  for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  EXPECT_EQ(active(4), 10U);
  node_.remove_backend(4, now_);
  for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  EXPECT_EQ(active(4), 0U);
}

// ---- A flow that is joined by an ACK, and what confirms it

TEST_F(Admission, AnAckAloneIsNoConnection) {
  for (const auto& s : test_services()) {
    if (s.udp || s.number == 14) continue;
    set_all(s.number, balance::State::up, 1, 5);
    for (std::uint16_t port = 1; port <= 20; port++)
      for (int again = 0; again < 2; again++)
        EXPECT_EQ(admit(to_service(s, {.port = port, .flags = TD_TCP_ACK})).reason, TD_TX_FORWARD);
    EXPECT_EQ(active(2 * s.number) + active(2 * s.number + 1), 0U) << s.number;
    // Nothing of the limit is used up.
    for (std::uint16_t port = 101; port <= 110; port++)
      EXPECT_EQ(admit(to_service(s, {.port = port})).reason, TD_TX_FORWARD) << s.number;
    EXPECT_EQ(admit(to_service(s, {.port = 111})).reason, TD_TX_REFUSED) << s.number;
  }
  EXPECT_EQ(node_.forwarder().sums().in_table, node_.forwarder().sums().in_schedulers);
}

TEST_F(Admission, TheBackendsAnswerConfirmsAFlowThatWasJoined) {
  for (const std::uint8_t flags : {std::uint8_t{TD_TCP_ACK}, std::uint8_t{TD_TCP_RST}}) {
    const TestService& s = service(1);
    const auto port = static_cast<std::uint16_t>(500 + flags);
    const auto joined = admit(to_service(s, {.port = port, .flags = TD_TCP_ACK}));
    ASSERT_EQ(joined.reason, TD_TX_FORWARD);
    const int which = joined.out.backend % 2;
    // The client alone can say what it likes, whenever.
    now_ += std::chrono::seconds(1);
    steer(to_service(s, {.port = port, .flags = TD_TCP_ACK}));
    EXPECT_EQ(active(joined.out.backend), 0U);
    steer(from_backend(s, which, {.flags = flags}, port),
          which == 0 ? rig::kLink : rig::kOtherLink);
    EXPECT_EQ(active(joined.out.backend), flags == TD_TCP_ACK ? 1U : 0U);
    const auto end = to_service(s, {.port = port, .flags = TD_TCP_RST});
    steer(end);
    EXPECT_EQ(active(joined.out.backend), 0U);
  }
  EXPECT_EQ(node_.forwarder().sums().in_table, node_.forwarder().sums().in_schedulers);
}

TEST_F(Admission, WhereBackendsAreNotHeardAClientThatGoesOnConfirmsIt) {
  const TestService& s = service(4);
  const auto joined = admit(to_service(s, {.flags = TD_TCP_ACK}));
  steer(to_service(s, {.flags = TD_TCP_ACK}));
  EXPECT_EQ(active(joined.out.backend), 0U);
  now_ += std::chrono::seconds(1);
  steer(to_service(s, {.flags = TD_TCP_ACK}));
  EXPECT_EQ(active(joined.out.backend), 1U);
}

// ---- What cannot be sent on

class Errors : public Admission {
 protected:
  // By XDP, and by the data thread if it is handed over.
  ServiceNode::Outcome put(const frames::Bytes& frame) {
    const auto outcome = steer(frame);
    return td_is_punt(outcome.reason) ? admit(outcome.frame) : outcome;
  }
  static frames::Bytes with_ttl(const TestService& s, frames::Bytes frame, std::uint8_t ttl) {
    const std::size_t l3 = 14 + (s.vlan[0] != 0 ? 4U : 0U) + (s.vlan[1] != 0 ? 4U : 0U);
    frame[l3 + (s.address.is_v4() ? 8 : 7)] = ttl;
    return frame;
  }
  // An error of the service's address to its client, of this type, that quotes the frame's packet
  // as far as it may.
  static void expect_error(const ServiceNode::Outcome& outcome, const TestService& s,
                           const frames::Bytes& about, int type) {
    const Parsed sent(outcome.frame), asked(about);
    ASSERT_NE(sent.p.l4, nullptr);
    EXPECT_EQ(sent.p.l4[0], type) << s.number;
    EXPECT_EQ(sent.source(), asked.destination());
    EXPECT_EQ(sent.destination(), asked.source());
    EXPECT_EQ(sent.p.vlan[0], s.vlan[0]);
    EXPECT_TRUE(std::ranges::equal(std::span(outcome.frame).first(6), frames::kClientMac.bytes));
    const std::size_t most = s.address.is_v4() ? 576 : 1280;
    const std::size_t header = s.address.is_v4() ? 28 : 48;
    const std::size_t quoted = std::min<std::size_t>(td_ip_bytes(&asked.p), most - header);
    EXPECT_EQ(td_ip_bytes(&sent.p), header + quoted);
    EXPECT_EQ(outcome.frame.size(), sent.p.l3_offset + header + quoted);
    EXPECT_TRUE(std::equal(sent.p.l4 + 8, sent.p.l4 + 8 + quoted, asked.p.l3));
    EXPECT_EQ(outcome.out.ifindex, 0U);
  }
};

TEST_F(Errors, AHopLimitThatIsUsedUpIsAnswered) {
  for (const auto& s : test_services()) {
    if (s.number == 14) continue;
    const auto type = s.address.is_v4() ? 11 : 3;
    const auto first = with_ttl(s, to_service(s, {.payload = 600}), 1);
    const auto outcome = put(first);
    EXPECT_EQ(outcome.reason, TD_TX_TIME_EXCEEDED) << s.number;
    expect_error(outcome, s, first, type);
    EXPECT_EQ(node_.forwarder().flows4().flows() + node_.forwarder().flows6().flows(), 0U);
    ASSERT_EQ(admit(to_service(s, {})).reason, TD_TX_FORWARD);
    const auto next = with_ttl(s, to_service(s, {.flags = TD_TCP_ACK}), 1);
    const auto again = put(next);
    EXPECT_EQ(again.reason, TD_TX_TIME_EXCEEDED) << s.number;
    expect_error(again, s, next, type);
    node_.forwarder().remove_service(s.number);
    for (int i = 0; i < 60; i++) node_.forwarder().sweep(1, node_.tick(now_));
  }
}

TEST_F(Errors, WhatIsTooBigIsAnsweredWithAsMuchOfItAsMayBe) {
  for (const auto& s : test_services()) {
    if (s.number == 14) continue;
    const auto frame = to_service(s, {.flags = TD_TCP_ACK, .payload = 1460});
    const auto outcome = put(frame);
    if (outcome.reason == TD_TX_FORWARD) continue;  // to the backend with the larger MTU
    EXPECT_EQ(outcome.reason, TD_TX_TOO_BIG) << s.number;
    expect_error(outcome, s, frame, s.address.is_v4() ? 3 : 2);
    const auto again = put(frame);  // of a flow that is there
    EXPECT_EQ(again.reason, TD_TX_TOO_BIG) << s.number;
    expect_error(again, s, frame, s.address.is_v4() ? 3 : 2);
  }
}

TEST_F(Errors, AreLimitedAndTheLimitsAreApart) {
  for (const std::uint16_t number : {std::uint16_t{2}, std::uint16_t{8}}) {
    set_all(number, balance::State::down);
    set_all(static_cast<std::uint16_t>(number - 1), balance::State::down);
  }
  std::map<td_reason, unsigned> reasons;
  for (std::uint16_t port = 1; port <= 3000; port++) {
    reasons[put(to_service(service(2), {.port = port})).reason]++;
    reasons[put(to_service(service(8), {.port = port})).reason]++;
    reasons[put(with_ttl(service(4), to_service(service(4), {.port = port}), 1)).reason]++;
  }
  EXPECT_NEAR(reasons[TD_TX_REFUSED], 101, 1);  // at one instant
  EXPECT_NEAR(reasons[TD_DROP_NO_BACKEND], 5899, 1);
  EXPECT_NEAR(reasons[TD_TX_TIME_EXCEEDED], 101, 1);
  EXPECT_NEAR(reasons[TD_DROP_TTL_EXCEEDED], 2899, 1);
  EXPECT_EQ(put(to_service(service(1), {})).reason, TD_TX_REFUSED);  // a RST
  now_ += std::chrono::milliseconds(10);
  EXPECT_EQ(put(to_service(service(2), {})).reason, TD_TX_REFUSED);
  EXPECT_EQ(put(with_ttl(service(4), to_service(service(4), {}), 1)).reason, TD_TX_TIME_EXCEEDED);
}

// ---- Floods

class Flood : public Admission, public testing::WithParamInterface<std::uint16_t> {
 protected:
  // A connection of both sides: of nat.
  void open(const TestService& s, std::uint16_t port) {
    const auto first = admit(to_service(s, {.client = 9, .port = port}));
    ASSERT_EQ(first.reason, TD_TX_FORWARD);
    const int which = first.out.backend % 2;
    const std::uint32_t link = which == 0 ? rig::kLink : rig::kOtherLink;
    Segment answer{.client = 9, .flags = TD_TCP_SYN | TD_TCP_ACK};
    ASSERT_EQ(steer(from_backend(s, which, answer, port), link).reason, TD_TX_REPLY);
    steer(to_service(s, {.client = 9, .port = port, .flags = TD_TCP_ACK}));
  }
};

// SYNs, stray ACKs, datagrams and connections that only clients speak of: twice as many as there is
// room for.
TEST_P(Flood, DisplacesItsOwn) {
  const TestService& s = service(1);
  for (std::uint16_t port = 1; port <= 100; port++) open(s, port);
  const TestService& flooded = service(GetParam());
  for (const std::uint8_t flags : {std::uint8_t{TD_TCP_SYN}, std::uint8_t{TD_TCP_ACK}})
    for (std::uint32_t n = 0; n < 2 * ServiceNode::kFlows; n++) {
      Segment segment{.client = 10 + n / 4000,
                      .port = static_cast<std::uint16_t>(1000 + n % 4000),
                      .flags = flags};
      admit(to_service(flooded, segment));
      if (flags == TD_TCP_SYN) {
        segment.flags = TD_TCP_ACK;
        steer(to_service(flooded, segment));
      }
    }
  EXPECT_GT(node_.forwarder().flows4().evictions() + node_.forwarder().of_service(GetParam()).full,
            0U);
  // New connections of another service find room, and those that are there stay.
  for (std::uint16_t port = 101; port <= 400; port++) open(s, port);
  for (std::uint16_t port = 1; port <= 400; port++)
    EXPECT_EQ(steer(to_service(s, {.client = 9, .port = port, .flags = TD_TCP_ACK})).reason,
              TD_TX_FORWARD)
        << port;
  EXPECT_EQ(node_.forwarder().sums().in_table, node_.forwarder().sums().in_schedulers);
}

INSTANTIATE_TEST_SUITE_P(Services, Flood, testing::Values(1, 2, 3, 4, 5, 6, 13));

}  // namespace
}  // namespace tandem
