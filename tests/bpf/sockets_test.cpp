// SPDX-License-Identifier: Apache-2.0
// Connections to the node's own services when an address moves: who gets which packet, with sockets of
// this very kernel.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/socket.h>

#include <map>

#include "core.hpp"
#include "kernel.hpp"
#include "namespaces.hpp"
#include "packet_generator.hpp"
#include "rig.hpp"
#include "verdicts.hpp"

namespace tandem {
namespace {

using frames::Bytes;
using frames::ip;

constexpr MacAddress kPeerMac{{0x02, 0, 0, 0, 0, 0x0e}};
constexpr std::uint8_t kSyn = 2, kRst = 4, kAck = 16;

Bytes tcp_with(std::uint8_t flags, std::uint16_t port, std::uint16_t from) {
  Bytes segment = frames::tcp(port, from);
  segment[13] = flags;
  return segment;
}

MonotonicTime soon() {
  return MonotonicClock::now() + std::chrono::hours(1);
}

struct End {
  sockaddr_storage storage{};
  socklen_t length = 0;
  End(const IpAddress& address, std::uint16_t port) {
    if (address.is_v4()) {
      auto& in = reinterpret_cast<sockaddr_in&>(storage);
      in.sin_family = AF_INET;
      in.sin_port = htons(port);
      std::copy(address.bytes().begin(), address.bytes().end(),
                reinterpret_cast<std::uint8_t*>(&in.sin_addr));
      length = sizeof in;
    } else {
      auto& in = reinterpret_cast<sockaddr_in6&>(storage);
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(port);
      std::copy(address.bytes().begin(), address.bytes().end(), in.sin6_addr.s6_addr);
      length = sizeof in;
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// In a network namespace that has the rig's addresses and a client's.
class Sockets : public KernelTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to load BPF programs";
    before_ = netlink::current_namespace();
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    netlink::run("ip link set lo up");
    for (const char* address : {"192.0.2.100/32", "198.51.100.7/32", "192.0.2.106/32"})
      netlink::run(std::string("ip address add ") + address + " dev lo");
    for (const char* address : {"2001:db8::100/128", "2001:db8::7/128"})
      netlink::run(std::string("ip address add ") + address + " dev lo nodad");
    set_up({});
  }
  void TearDown() override {
    kernel_.reset();
    if (!before_) return;
    EXPECT_EQ(setns(before_.get(), CLONE_NEWNET), 0);
  }

  static Descriptor listen_on(const IpAddress& address, std::uint16_t port) {
    Descriptor listener(socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM, 0));
    const End end(address, port);
    EXPECT_EQ(bind(listener.get(), end.get(), end.length), 0);
    EXPECT_EQ(listen(listener.get(), 8), 0);
    return listener;
  }
  static Descriptor connect_to(const IpAddress& address, std::uint16_t port, const IpAddress& from,
                               std::uint16_t from_port) {
    Descriptor client(socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM, 0));
    const End here(from, from_port), there(address, port);
    EXPECT_EQ(bind(client.get(), here.get(), here.length), 0);
    EXPECT_EQ(connect(client.get(), there.get(), there.length), 0);
    return client;
  }
  // From the client of the rig, to a service of slot 0 or (IPv6) 2.
  static Bytes packet(Family family, std::uint8_t flags, std::uint16_t from,
                      const MacAddress& sender = frames::kClientMac) {
    const frames::Ether link{.from = sender};
    return family == Family::ipv4
               ? frames::ipv4({ip("192.0.2.100")}, tcp_with(flags, 80, from), link)
               : frames::ipv6({ip("2001:db8::100")}, tcp_with(flags, 443, from),
                              {.to = virtual_mac(Family::ipv6, 51), .from = sender});
  }
  static std::uint16_t slot_of(Family family) { return family == Family::ipv4 ? 0 : 2; }

  Descriptor before_;
};

TEST_F(Sockets, WithoutALeaseExistingSocketsGoOnAndNothingElse) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto address = ip(family == Family::ipv4 ? "192.0.2.100" : "2001:db8::100");
    const auto from = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8::7");
    const std::uint16_t port = family == Family::ipv4 ? 80 : 443;
    const auto listener = listen_on(address, port);
    const auto client = connect_to(address, port, from, 4001);
    kernel_->steering().revoke_lease(slot_of(family), MonotonicClock::now());
    EXPECT_EQ(kernel_->steer(packet(family, kAck, 4001)).reason, TD_DROP_NO_LEASE);

    kernel_->steering().keep_sockets(slot_of(family), soon());
    const auto passed = kernel_->steer(packet(family, kAck, 4001));
    EXPECT_EQ(passed.reason, TD_PASS_SOCKET);
    EXPECT_EQ(passed.action, XDP_PASS);
    EXPECT_EQ(passed.frame[0], 2);  // the interface's own MAC, which the kernel takes
    EXPECT_EQ(kernel_->steer(packet(family, kAck, 4002)).reason, TD_DROP_NO_LEASE);
    EXPECT_EQ(kernel_->steer(packet(family, kRst, 4002)).reason, TD_DROP_NO_LEASE);
    EXPECT_EQ(kernel_->steer(packet(family, kSyn, 4001)).reason, TD_DROP_NO_LEASE);
    EXPECT_EQ(kernel_->steer(packet(family, kSyn, 4003)).reason, TD_DROP_NO_LEASE);
  }
  EXPECT_EQ(kernel_->steer(frames::arp({.target = ip("192.0.2.100")})).reason,
            TD_DROP_NO_LEASE_NEIGHBOUR);
  EXPECT_EQ(kernel_->steer(frames::nd({.target = ip("2001:db8::100")})).reason,
            TD_DROP_NO_LEASE_NEIGHBOUR);
  EXPECT_EQ(kernel_->steer(frames::ipv4({ip("192.0.2.100"), 1}, frames::icmp(8))).reason,
            TD_DROP_NO_LEASE);
  EXPECT_EQ(kernel_->steer(frames::ipv4({ip("192.0.2.100")}, tcp_with(kAck, 81, 4001))).reason,
            TD_DROP_NO_LEASE);  // of no service
  EXPECT_EQ(kernel_->program().maps().traffic(rig::kCountedIn[2]).in_packets, 1U);
}

TEST_F(Sockets, WithALeaseWhatBelongsToNoSocketGoesToThePeerOnce) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto address = ip(family == Family::ipv4 ? "192.0.2.100" : "2001:db8::100");
    const auto from = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8::7");
    const std::uint16_t port = family == Family::ipv4 ? 80 : 443;
    const auto listener = listen_on(address, port);
    const auto client = connect_to(address, port, from, 4001);
    EXPECT_EQ(kernel_->steer(packet(family, kAck, 4002)).reason, TD_PASS_LOCAL);

    kernel_->steering().set_peer_sockets(slot_of(family), {{kPeerMac, soon()}});
    EXPECT_EQ(kernel_->steer(packet(family, kAck, 4001)).reason, TD_PASS_LOCAL);
    EXPECT_EQ(kernel_->steer(packet(family, kSyn, 4002)).reason, TD_PASS_LOCAL);
    EXPECT_EQ(kernel_->steer(packet(family, kAck, 4002, kPeerMac)).reason, TD_PASS_LOCAL);
    const Bytes stray = packet(family, kAck, 4002);
    Bytes expected = stray;
    std::copy(kPeerMac.bytes.begin(), kPeerMac.bytes.end(), expected.begin());
    std::copy(frames::kNodeMac.bytes.begin(), frames::kNodeMac.bytes.end(), expected.begin() + 6);
    const auto sent = kernel_->steer(stray);
    EXPECT_EQ(sent.reason, TD_TX_TO_PEER);
    EXPECT_EQ(sent.action, XDP_TX);
    EXPECT_EQ(sent.frame, expected);

    kernel_->steering().set_peer_sockets(slot_of(family), std::nullopt);
    EXPECT_EQ(kernel_->steer(stray).reason, TD_PASS_LOCAL);
  }
}

TEST_F(Sockets, WhatIsNotForThisNodeOrNotTcpNeverGoesToThePeer) {
  kernel_->steering().set_peer_sockets(0, {{kPeerMac, soon()}});
  const frames::Ether elsewhere{.to = {{0x02, 0, 0, 0, 0, 0x77}}}, group{.to = frames::kBroadcast};
  for (const auto& link : {elsewhere, group})
    EXPECT_EQ(
        kernel_->steer(frames::ipv4({ip("192.0.2.100")}, tcp_with(kAck, 80, 4002), link)).reason,
        TD_PASS_LOCAL);
  EXPECT_EQ(kernel_
                ->steer(frames::ipv4({.to = ip("192.0.2.100"), .fragment = 0x2000},
                                     tcp_with(kAck, 80, 4002)))
                .reason,
            TD_PASS_LOCAL);
  EXPECT_EQ(kernel_->steer(frames::ipv4({ip("192.0.2.100")}, tcp_with(kAck, 81, 4002))).reason,
            TD_PASS_ACCEPTED);
  EXPECT_EQ(kernel_->steer(frames::ipv4({ip("192.0.2.100"), 17}, frames::udp(80))).reason,
            TD_PASS_ACCEPTED);
}

// Two nodes with a lease each and sockets at neither: a packet changes the node at most once.
TEST_F(Sockets, APacketThatNobodyHasASocketForGoesOverOnce) {
  kernel_->steering().set_peer_sockets(0, {{kPeerMac, soon()}});
  const auto sent = kernel_->steer(packet(Family::ipv4, kAck, 4002));
  ASSERT_EQ(sent.reason, TD_TX_TO_PEER);
  // There, where this node is the peer.
  kernel_->steering().set_peer_sockets(0, {{frames::kNodeMac, soon()}});
  Bytes came = sent.frame;
  std::copy(frames::kNodeMac.bytes.begin(), frames::kNodeMac.bytes.end(), came.begin());
  EXPECT_EQ(kernel_->steer(came).reason, TD_PASS_LOCAL);
}

TEST_F(Sockets, TheKernelAndCxxAgreeWhileAddressesMove) {
  PacketGenerator generator(3);
  const core::Memory memory(kernel_->program().tables());
  for (std::uint16_t slot = 0; slot < 9; slot++) {
    kernel_->steering().set_peer_sockets(slot, {{kPeerMac, soon()}});
    kernel_->steering().keep_sockets(slot, soon());
  }
  unsigned to_peer = 0;
  for (unsigned i = 0; i < 20'000; i++) {
    Bytes frame = generator.next();
    td_packet p;
    td_parse(&p, frame.data(), frame.data() + frame.size(), TD_FULL);
    if (p.shape == TD_SHAPE_ADVERT) continue;
    if (p.protocol == TD_PROTO_TCP && p.l4 != nullptr &&
        p.l4 + TD_TCP_HEADER <= frame.data() + frame.size())
      p.l4[13] = i % 3 == 0 ? kSyn : kAck;
    const auto in_kernel = kernel_->steer(frame);
    const auto in_cxx = core::steer(memory, frame, rig::kLink, to_ns(MonotonicClock::now()));
    ASSERT_EQ(in_kernel.reason, in_cxx.reason) << "frame " << i << ": " << frames::to_hex(frame);
    ASSERT_EQ(frames::to_hex(in_kernel.frame), frames::to_hex(in_cxx.frame)) << i;
    to_peer += in_cxx.reason == TD_TX_TO_PEER ? 1 : 0;
  }
  EXPECT_GT(to_peer, 100U);
}

// ---- The way out, at 192.0.2.106 (slot 6), which has no lease. 192.0.2.100 is slot 0.

TEST_F(Sockets, WithoutALeaseAnswersOfTheNodesOwnServicesLeave) {
  const auto answer = frames::ipv4({.to = ip("198.51.100.7"), .from = ip("192.0.2.100")},
                                   tcp_with(kAck, 40000, 80));
  const auto other = frames::ipv4({.to = ip("198.51.100.7"), .from = ip("192.0.2.100")},
                                  tcp_with(kAck, 40000, 81));
  kernel_->steering().revoke_lease(0, MonotonicClock::now());
  EXPECT_FALSE(kernel_->lets_out(answer));
  kernel_->steering().keep_sockets(0, soon());
  EXPECT_EQ(kernel_->lets_out(answer), answer);
  EXPECT_FALSE(kernel_->lets_out(other));
  EXPECT_FALSE(kernel_->lets_out(
      frames::ipv4({.to = ip("198.51.100.7"), .from = ip("192.0.2.100")}, frames::udp(80))));
  EXPECT_FALSE(kernel_->lets_out(frames::arp(
      {.target = ip("192.0.2.9"), .sender = ip("192.0.2.100"), .operation = 2})));  // a reply
}

TEST_F(Sockets, WithoutALeaseNeighboursAreAskedInTheNameOfAnOwnAddress) {
  const auto question = [](const char* sender) {
    return frames::arp({.target = ip("192.0.2.9"), .sender = ip(sender)});
  };
  kernel_->steering().revoke_lease(0, MonotonicClock::now());
  kernel_->steering().keep_sockets(0, soon());
  EXPECT_FALSE(kernel_->lets_out(question("192.0.2.100")));  // there is none
  auto routers = rig::routers();
  routers[0].asks_as = ip("192.0.2.2");
  routers[2].asks_as = ip("fe80::2");
  ASSERT_TRUE(kernel_->steering().publish(routers, rig::services(), {}, rig::host()));
  EXPECT_EQ(kernel_->lets_out(question("192.0.2.100")), question("192.0.2.2"));

  kernel_->steering().revoke_lease(2, MonotonicClock::now());
  kernel_->steering().keep_sockets(2, soon());
  const auto solicitation = [](const char* from) {
    Bytes frame = frames::nd({.target = ip("2001:db8::9"), .from = ip(from)});
    constexpr std::size_t kMessage = 14 + 40;
    std::uint64_t sum = frame.size() - kMessage + 58;
    store_be16(&frame[kMessage + 2], 0);
    for (std::size_t i = 14 + 8; i < frame.size(); i += 2) sum += load_be16(&frame[i]);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    store_be16(&frame[kMessage + 2], static_cast<std::uint16_t>(~sum));
    return frame;
  };
  EXPECT_EQ(kernel_->lets_out(solicitation("2001:db8::100")), solicitation("fe80::2"));
}

}  // namespace
}  // namespace tandem
