// SPDX-License-Identifier: Apache-2.0
// Whom a packet is from, and whom it is to on the link: what is not forwarded for that (origin.h).
// By the packet core alone, so that it holds for XDP and for workers.
#include <gtest/gtest.h>

#include "service_node.hpp"

namespace tandem {
namespace {

using frames::ip;

class Origin : public testing::Test {
 protected:
  static const TestService& service(std::uint16_t number) {
    static const auto all = test_services();
    return *std::ranges::find(all, number, &TestService::number);
  }
  // The service's frame, from another address or to another MAC.
  static frames::Bytes with(const TestService& s, const IpAddress& source,
                            const MacAddress& mac = frames::kNodeMac) {
    frames::Bytes frame = to_service(s, {});
    const std::size_t l3 = 14 + (s.vlan[0] != 0 ? 4 : 0) + (s.vlan[1] != 0 ? 4 : 0);
    const std::size_t at = l3 + (s.address.is_v4() ? 12 : 8);
    std::ranges::copy(source.bytes(), frame.begin() + static_cast<std::ptrdiff_t>(at));
    std::ranges::copy(mac.bytes, frame.begin());
    return frame;
  }
  td_reason steer(const frames::Bytes& frame) {
    return node_.node.steer(frame, rig::kLink, now_).reason;
  }

  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode node_{now_};
};

TEST_F(Origin, NoServiceTakesAPacketFromAnAddressThatNoClientHas) {
  const std::vector<const char*> v4{"0.0.0.0",     "0.1.2.3",         "127.0.0.1",
                                    "127.255.0.9", "224.0.0.5",       "239.255.255.250",
                                    "240.0.0.1",   "255.255.255.255",
                                    "192.0.2.2",    // the node's own
                                    "192.0.2.255",  // and its network's broadcast addresses
                                    "192.0.2.0",
                                    "192.0.2.100",  // virtual ones: the service's, another's,
                                    "192.0.2.101", "192.0.2.106"};  // and one without a lease
  const std::vector<const char*> v6{"::",
                                    "::1",
                                    "ff02::1",
                                    "ff0e::1234",
                                    "2001:db8::2",
                                    "2001:db8::100",
                                    "2001:db8::107",
                                    "fe80::9",
                                    "::ffff:198.51.100.9",
                                    "::198.51.100.9"};
  for (const auto& s : test_services()) {
    if (s.number == 14) continue;  // without a lease
    for (const char* source : s.address.is_v4() ? v4 : v6)
      EXPECT_EQ(steer(with(s, ip(source))), TD_DROP_MARTIAN) << s.number << " from " << source;
  }
  EXPECT_EQ(node_.node.forwarder().flows4().flows() + node_.node.forwarder().flows6().flows(), 0U);
}

TEST_F(Origin, ClientsMayHaveAnyOtherAddress) {
  for (const char* source : {"1.0.0.1", "126.255.255.255", "128.0.0.1", "223.255.255.255",
                             "192.0.2.9", "192.0.3.255", "169.254.1.1", "10.0.0.0"})
    EXPECT_EQ(steer(with(service(1), ip(source))), TD_PUNT_MISS) << source;
  for (const char* source : {"2001:db8::9", "2000::1", "fd00::1", "::1:0:0:0:1", "64:ff9b::a00:1"})
    EXPECT_EQ(steer(with(service(7), ip(source))), TD_PUNT_MISS) << source;
}

TEST_F(Origin, AFlowIsNotAskedAgainWhoseItIs) {
  const auto frame = to_service(service(1), {});
  ASSERT_EQ(node_.node.admit(frame, rig::kLink, now_).reason, TD_TX_FORWARD);
  EXPECT_EQ(steer(frame), TD_TX_FORWARD);
}

TEST_F(Origin, WhatIsNotToThisNodeOnTheLinkIsNotForwarded) {
  const MacAddress other{{0x02, 0, 0, 0, 0x99, 0x99}}, group{{0x01, 0, 0x5e, 0, 0, 1}},
      group6{{0x33, 0x33, 0, 0, 0, 1}};
  for (const auto& s : test_services()) {
    if (s.number == 14) continue;
    const IpAddress client = client_address(s.address.family(), 1);
    EXPECT_EQ(steer(with(s, client, frames::kBroadcast)), TD_DROP_LINK_BROADCAST) << s.number;
    EXPECT_EQ(steer(with(s, client, group)), TD_DROP_LINK_BROADCAST) << s.number;
    EXPECT_EQ(steer(with(s, client, group6)), TD_DROP_LINK_BROADCAST) << s.number;
    EXPECT_EQ(steer(with(s, client, other)), TD_DROP_OTHER_HOST) << s.number;
    EXPECT_EQ(steer(with(s, client, rig::kVlanMac)), TD_PUNT_MISS) << s.number;
    EXPECT_EQ(steer(with(s, client, virtual_mac(Family::ipv4, 200))), TD_DROP_OTHER_HOST);
  }
}

// Of flows that are there, too; and backends' answers are the kernel's then, which has its own filter.
TEST_F(Origin, FlowsAreNoExceptionOnTheLink) {
  const TestService& s = service(1);
  const auto placed = node_.node.admit(to_service(s, {}), rig::kLink, now_);
  ASSERT_EQ(placed.reason, TD_TX_FORWARD);
  frames::Bytes request = to_service(s, {.flags = TD_TCP_ACK});
  std::ranges::copy(frames::kBroadcast.bytes, request.begin());
  EXPECT_EQ(steer(request), TD_DROP_LINK_BROADCAST);
  const int which = placed.out.backend % 2;
  frames::Bytes answer = from_backend(s, which, {.flags = TD_TCP_ACK | TD_TCP_SYN}, 40000);
  const std::uint32_t device = which == 0 ? rig::kLink : rig::kOtherLink;
  EXPECT_EQ(node_.node.steer(answer, device, now_).reason, TD_TX_REPLY);
  for (const MacAddress& mac : {frames::kBroadcast, MacAddress{{0x02, 0, 0, 0, 0x99, 0x99}}}) {
    std::ranges::copy(mac.bytes, answer.begin());
    EXPECT_EQ(node_.node.steer(answer, device, now_).reason, TD_PASS_OTHER);
  }
}

// nat: routed as they are, they would have the client answer by RST.
TEST_F(Origin, ABackendsPacketOfNoFlowIsDroppedUnlessItIsForTheNodeItself) {
  for (const int number : {1, 2, 7, 8}) {
    const TestService& s = service(static_cast<std::uint16_t>(number));
    frames::Bytes answer = from_backend(s, 0, {.flags = TD_TCP_ACK}, 40000);
    EXPECT_EQ(steer(answer), TD_DROP_NO_FLOW) << number;
    const std::size_t at = s.address.is_v4() ? 14 + 16 : 14 + 24;
    for (const char* to : s.address.is_v4() ? std::vector{"192.0.2.2", "192.0.2.255", "224.0.0.251"}
                                            : std::vector{"2001:db8::2", "ff02::fb"}) {
      std::ranges::copy(ip(to).bytes(), answer.begin() + static_cast<std::ptrdiff_t>(at));
      EXPECT_EQ(steer(answer), TD_PASS_NO_FLOW) << number << " to " << to;
    }
  }
  // fullnat's answers are for this node, and its backends' other packets are not looked at.
  EXPECT_EQ(steer(from_backend(service(3), 0, {.flags = TD_TCP_ACK}, 40000)), TD_PASS_NO_FLOW);
}

// The budget is for what can become a flow.
TEST_F(Origin, ResetsAndEndsOfNoFlowTakeNothingOfTheBudget) {
  constexpr std::uint8_t kOfNoNewFlow[] = {TD_TCP_RST,
                                           TD_TCP_FIN | TD_TCP_ACK,
                                           TD_TCP_RST | TD_TCP_ACK,
                                           TD_TCP_SYN | TD_TCP_ACK,
                                           TD_TCP_FIN,
                                           0};
  node_.steering.set_budget(10, std::chrono::milliseconds(100));
  for (int i = 0; i < 1000; i++)
    for (const std::uint8_t flags : kOfNoNewFlow) {
      EXPECT_EQ(steer(to_service(service(1), {.flags = flags})), TD_TX_HASHED);
      EXPECT_EQ(steer(to_service(service(3), {.flags = flags})), TD_DROP_NO_FLOW);  // fullnat
    }
  EXPECT_EQ(steer(to_service(service(1), {.flags = TD_TCP_SYN})), TD_PUNT_MISS);
}

}  // namespace
}  // namespace tandem
