// SPDX-License-Identifier: Apache-2.0
// All that two nodes can be while an address moves, and every kind of packet: each node has a lease or
// not, keeps sockets or not, believes that the peer has some or not, and has the packet's socket or not.
// Leases of both at once are among them (a split brain). Whatever they are, a packet changes the node
// at most once, only a node with a lease answers, and a socket that can be reached is.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core.hpp"
#include "flow/steering.hpp"
#include "frames.hpp"

namespace tandem {
namespace {

using frames::Bytes;
using frames::ip;

constexpr std::uint32_t kLink = 1;
constexpr MacAddress kMacs[2] = {{{2, 0, 0, 0, 0, 0x0a}}, {{2, 0, 0, 0, 0, 0x0b}}};
const MonotonicTime kNow{std::chrono::seconds(1000)};
const MonotonicTime kLater = kNow + std::chrono::seconds(10);

enum class Kind { syn, data, fin, reset, question, ping, datagram };
constexpr Kind kKinds[] = {Kind::syn,      Kind::data, Kind::fin,     Kind::reset,
                           Kind::question, Kind::ping, Kind::datagram};

struct Beliefs {
  bool lease, keeps, peer_has, socket;
};

Beliefs beliefs_of(unsigned bits) {
  return {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
}

bool is_tcp(Kind kind) {
  return kind == Kind::syn || kind == Kind::data || kind == Kind::fin || kind == Kind::reset;
}
// That belongs to a socket, if there is one.
bool is_of_socket(Kind kind) {
  return is_tcp(kind) && kind != Kind::syn;
}

Bytes segment(std::uint8_t flags) {
  Bytes tcp = frames::tcp(80);
  tcp[13] = flags;
  return tcp;
}

Bytes payload(Kind kind, Family family) {
  switch (kind) {
    case Kind::syn:
      return segment(2);
    case Kind::data:
      return segment(16);
    case Kind::fin:
      return segment(17);
    case Kind::reset:
      return segment(4);
    case Kind::datagram:
      return frames::udp(80);
    default:
      return frames::icmp(family == Family::ipv4 ? 8 : 128);
  }
}

struct Address {
  Family family;
  IpAddress address;
};

Bytes frame_of(Kind kind, const Address& to, const MacAddress& mac) {
  const frames::Ether link{.to = mac};
  if (kind == Kind::question)
    return to.family == Family::ipv4 ? frames::arp({.target = to.address})
                                     : frames::nd({.target = to.address});
  const std::uint8_t icmp = to.family == Family::ipv4 ? 1 : 58;
  const std::uint8_t protocol = is_tcp(kind) ? 6 : kind == Kind::datagram ? 17 : icmp;
  return to.family == Family::ipv4
             ? frames::ipv4({.to = to.address, .protocol = protocol}, payload(kind, to.family),
                            link)
             : frames::ipv6({.to = to.address, .next = protocol}, payload(kind, to.family), link);
}

class Pair {
 public:
  explicit Pair(bool virtual_mac) {
    for (int node = 0; node < 2; node++) {
      tables_[node] = std::make_unique<td_tables>();
      steering_[node].emplace(*tables_[node], [] { return 1; });
      const std::vector<flow::SteeredRouter> routers{
          {0, kLink, {}, Family::ipv4, 51, true, virtual_mac, kMacs[node], {ip("192.0.2.100")}},
          {1, kLink, {}, Family::ipv6, 51, true, virtual_mac, kMacs[node], {ip("2001:db8::100")}}};
      const std::vector<flow::SteeredService> services{
          {.address = ip("192.0.2.100"), .port = 80}, {.address = ip("2001:db8::100"), .port = 80}};
      EXPECT_TRUE(steering_[node]->publish(routers, services, {}, {{{kLink, kMacs[node]}}}));
      memory_[node] = std::make_unique<core::Memory>(*tables_[node]);
    }
  }
  void set(int node, const Beliefs& b) {
    for (std::uint16_t slot = 0; slot < 2; slot++) {
      b.lease ? steering_[node]->grant_lease(slot, kLater)
              : steering_[node]->revoke_lease(slot, kNow);
      steering_[node]->keep_sockets(slot, b.keeps ? kLater : MonotonicTime{});
      using There = std::optional<flow::Steering::PeerSockets>;
      steering_[node]->set_peer_sockets(
          slot, b.peer_has ? There({kMacs[1 - node], kLater}) : std::nullopt);
    }
    socket_[node] = b.socket;
  }
  core::Outcome steer(int node, const Bytes& frame) const {
    return core::steer(*memory_[node], frame, kLink, to_ns(kNow), socket_[node]);
  }

 private:
  std::unique_ptr<td_tables> tables_[2];
  std::optional<flow::Steering> steering_[2];
  std::unique_ptr<core::Memory> memory_[2];
  bool socket_[2]{};
};

struct End {
  int node;  // where the packet came to its end
  td_reason reason;
  int handed = 0;  // how often it went over
};

End follow(const Pair& pair, Bytes frame, int node) {
  End end{node, TD_PASS_OTHER, 0};
  while (end.handed < 4) {
    auto out = pair.steer(end.node, frame);
    end.reason = out.reason;
    if (out.reason != TD_TX_TO_PEER) break;
    end.handed++;
    const auto to = kMacs[1 - end.node].bytes, from = kMacs[end.node].bytes;
    EXPECT_TRUE(std::equal(to.begin(), to.end(), out.frame.begin()));
    EXPECT_TRUE(std::equal(from.begin(), from.end(), out.frame.begin() + 6));
    EXPECT_TRUE(std::equal(frame.begin() + 12, frame.end(), out.frame.begin() + 12));
    frame = std::move(out.frame);
    end.node = 1 - end.node;
  }
  return end;
}

void check(const Pair& pair, const Beliefs (&nodes)[2], Kind kind, const Address& address, int at) {
  const End end = follow(pair, frame_of(kind, address, kMacs[at]), at);
  const Beliefs& last = nodes[end.node];
  const bool taken =
      td_is_pass(end.reason) || end.reason == TD_TX_ARP_REPLY || end.reason == TD_TX_NA;
  EXPECT_LE(end.handed, 1);
  // Without a lease nobody takes anything but what is of its own socket.
  EXPECT_TRUE(!taken || last.lease ||
              (last.keeps && last.socket && is_of_socket(kind) && end.reason == TD_PASS_SOCKET));
  // What is no TCP stays where it came, and so does what begins a connection.
  if (!is_of_socket(kind)) {
    EXPECT_EQ(end.handed, 0);
    EXPECT_EQ(taken, nodes[at].lease);
    return;
  }
  // A socket where the packet comes has it; one of the peer's is reached if both know of it.
  const Beliefs &here = nodes[at], &there = nodes[1 - at];
  EXPECT_TRUE(!here.socket || (!here.lease && !here.keeps) || (taken && end.node == at));
  const bool goes_over = !here.socket && here.lease && here.peer_has;
  EXPECT_EQ(end.handed, goes_over ? 1 : 0);
  EXPECT_TRUE(!goes_over || !there.socket || (!there.lease && !there.keeps) || taken);
  // Who has no socket resets only what it has a lease for, and the other one was not asked in vain.
  EXPECT_TRUE(!taken || last.socket || (last.lease && (end.handed == 1 || !here.peer_has)));
}

TEST(SocketsSearch, HoldsInEveryStateOfTwoNodes) {
  for (const bool virtual_mac : {false, true}) {
    Pair pair(virtual_mac);
    for (unsigned bits = 0; bits < 256; bits++) {
      const Beliefs nodes[2] = {beliefs_of(bits & 15), beliefs_of(bits >> 4)};
      for (int node = 0; node < 2; node++) pair.set(node, nodes[node]);
      for (const Address& address :
           {Address{Family::ipv4, ip("192.0.2.100")}, Address{Family::ipv6, ip("2001:db8::100")}})
        for (const Kind kind : kKinds)
          for (const int at : {0, 1}) {
            SCOPED_TRACE("state " + std::to_string(bits) + ", kind " +
                         std::to_string(static_cast<int>(kind)) + ", at node " +
                         std::to_string(at));
            check(pair, nodes, kind, address, at);
            if (testing::Test::HasFailure()) return;
          }
    }
  }
}

}  // namespace
}  // namespace tandem
