// SPDX-License-Identifier: Apache-2.0
// The gate's other side: what the node's own kernel may send. The rig has no lease for 192.0.2.106
// and 2001:db8::107.
#include "kernel.hpp"
#include "rig.hpp"

namespace tandem {
namespace {

using namespace frames;

MacAddress virtual_mac(std::uint8_t vrid, std::uint8_t family) {
  return {{0, 0, 0x5e, 0, family, vrid}};
}

// Of an untagged frame without extension headers.
void put_icmpv6_checksum(Bytes& frame) {
  constexpr std::size_t kIp = 14, kMessage = kIp + 40;
  const std::size_t length = frame.size() - kMessage;
  std::uint64_t sum = length + 58;
  store_be16(&frame[kMessage + 2], 0);
  for (std::size_t i = kIp + 8; i < frame.size(); i += 2) sum += load_be16(&frame[i]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  store_be16(&frame[kMessage + 2], static_cast<std::uint16_t>(~sum));
}

class Egress : public KernelTest {
 protected:
  std::uint64_t dropped() const {
    return kernel_->program().maps().counters()[TD_DROP_NO_LEASE_SOURCE];
  }
};

TEST_F(Egress, NothingLeavesInTheNameOfAnAddressWithoutALease) {
  const auto other = ip("192.0.2.10");
  EXPECT_FALSE(kernel_->lets_out(arp({.target = other, .sender = ip("192.0.2.106")})));
  EXPECT_FALSE(kernel_->lets_out(ipv4({.to = other, .from = ip("192.0.2.106")}, tcp(80))));
  EXPECT_FALSE(kernel_->lets_out(nd({.target = ip("2001:db8::9"), .from = ip("2001:db8::107")})));
  EXPECT_FALSE(kernel_->lets_out(na(ip("2001:db8::9"), ip("2001:db8::107"))));
  EXPECT_EQ(dropped(), 4U);
}

TEST_F(Egress, ALeaseOpensItAndItsEndShutsIt) {
  const auto question = arp({.target = ip("192.0.2.10"), .sender = ip("192.0.2.100")});
  EXPECT_TRUE(kernel_->lets_out(question));
  kernel_->steering().revoke_lease(0, MonotonicClock::now());
  EXPECT_FALSE(kernel_->lets_out(question));
}

TEST_F(Egress, TheNodesOwnAddressesAndForwardedFramesLeave) {
  EXPECT_TRUE(kernel_->lets_out(arp({.target = ip("192.0.2.106"), .sender = ip("192.0.2.2")})));
  EXPECT_TRUE(kernel_->lets_out(ipv4({.to = ip("192.0.2.106")}, tcp(80))));
  const auto of_the_peer = ipv4({.to = ip("192.0.2.10"), .from = ip("192.0.2.106")}, tcp(80));
  EXPECT_TRUE(kernel_->lets_out(of_the_peer, true));
  EXPECT_EQ(dropped(), 0U);
}

TEST_F(Egress, WhatTheNodesOwnServicesAnswerIsCountedByService) {
  const auto answer = [](const char* from, std::uint16_t port) {
    return ipv4({.to = ip("192.0.2.10"), .from = ip(from)}, tcp(40000, port));
  };
  const auto whole = answer("192.0.2.101", 80);
  EXPECT_TRUE(kernel_->lets_out(whole));
  EXPECT_TRUE(kernel_->lets_out(answer("192.0.2.101", 81)));  // of no service
  EXPECT_FALSE(kernel_->lets_out(answer("192.0.2.106", 80)));
  EXPECT_TRUE(kernel_->lets_out(
      ipv6({.to = ip("2001:db8::9"), .from = ip("2001:db8::100")}, tcp(40000, 443))));
  const auto counted = [&](std::size_t i) {
    return kernel_->program().maps().traffic(rig::kCountedIn[i]);
  };
  EXPECT_EQ(counted(0).out_packets, 1U);
  EXPECT_EQ(counted(0).out_bytes, whole.size());
  EXPECT_EQ(counted(3).out_packets, 1U);
  EXPECT_EQ(counted(1).out_packets + counted(2).out_packets + counted(4).out_packets, 0U);
}

// Slots 0 and 1 of the rig: the address of the second answers with its virtual MAC.
TEST_F(Egress, QuestionsTellTheMacThatTheAddressAnswersWith) {
  const auto question = [](const char* sender, const MacAddress& mac) {
    return arp({.target = ip("192.0.2.10"), .sender = ip(sender)}, {.to = kBroadcast, .from = mac});
  };
  const auto plain = question("192.0.2.100", kNodeMac);
  EXPECT_EQ(kernel_->lets_out(plain), plain);
  EXPECT_EQ(kernel_->lets_out(question("192.0.2.101", kNodeMac)),
            question("192.0.2.101", virtual_mac(52, 1)));
  const auto segment = ipv4({.to = ip("192.0.2.10"), .from = ip("192.0.2.101")}, tcp(80));
  EXPECT_EQ(kernel_->lets_out(segment), segment);
}

TEST_F(Egress, SolicitationsTellTheVirtualMac) {
  const auto question = [](const MacAddress& mac) {
    Bytes frame = nd({.target = ip("2001:db8::9"), .from = ip("2001:db8::100")}, {.from = mac});
    put_icmpv6_checksum(frame);
    return frame;
  };
  EXPECT_EQ(kernel_->lets_out(question(kNodeMac)), question(virtual_mac(51, 2)));
  const auto bare =
      nd({.target = ip("2001:db8::9"), .from = ip("2001:db8::100"), .with_mac = false});
  EXPECT_EQ(kernel_->lets_out(bare), bare);
}

// The kernel itself refuses to try an IP frame without its whole header.
TEST_F(Egress, ArpCutShortLeaves) {
  const auto frame = arp({.target = ip("192.0.2.10"), .sender = ip("192.0.2.106")});
  for (std::size_t size = 15; size < frame.size(); size++)
    EXPECT_TRUE(kernel_->lets_out({frame.begin(), frame.begin() + static_cast<long>(size)}))
        << size;
}

}  // namespace
}  // namespace tandem
