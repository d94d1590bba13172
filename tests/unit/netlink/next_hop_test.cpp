// SPDX-License-Identifier: Apache-2.0
#include "netlink/next_hop.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <map>

#include "namespaces.hpp"
#include "netlink/tunnel_errors.hpp"

namespace tandem::netlink {
namespace {

using namespace std::chrono_literals;

const MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};

// 192.0.2.1 and 2001:db8::1 here; 192.0.2.2 and 2001:db8::2 on the peer.
class NextHopsTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    give_addresses();
    auto hops = NextHops::open();
    ASSERT_TRUE(hops) << hops.error().message;
    hops_.emplace(std::move(*hops));
    hops_->on_change([this](const Destination& destination) { ++changes_[destination]; });
  }
  void give_addresses() {
    run("ip address add 192.0.2.1/24 dev veth0");
    run("ip address add 2001:db8::1/64 dev veth0 nodad");
    in_peer("ip address add 192.0.2.2/24 dev veth1");
    in_peer("ip address add 2001:db8::2/64 dev veth1 nodad");
  }
  void watch(const std::vector<Destination>& destinations) {
    hops_->watch(destinations, MonotonicClock::now());
  }
  bool resolves(const Destination& destination) {
    return wait_until(*hops_, [&] { return hops_->lookup(destination).has_value(); });
  }
  bool says(const Destination& destination, const std::string& reason) {
    return wait_until(*hops_, [&] { return hops_->why_unresolved(destination) == reason; });
  }

  std::optional<NextHops> hops_;
  std::map<Destination, int> changes_;
};

TEST_F(NextHopsTest, ResolvesNeighboursOfBothFamilies) {
  const Destination v4{ip("192.0.2.2")};
  const Destination v6{ip("2001:db8::2")};
  EXPECT_EQ(hops_->why_unresolved(v4), "not watched");
  watch({v4, v6});
  ASSERT_TRUE(resolves(v4)) << hops_->why_unresolved(v4);
  ASSERT_TRUE(resolves(v6)) << hops_->why_unresolved(v6);
  EXPECT_EQ(hops_->lookup(v4)->mac, kPeerMac);
  EXPECT_EQ(hops_->lookup(v4)->source, ip("192.0.2.1"));
  EXPECT_EQ(hops_->lookup(v6)->mac, kPeerMac);
  EXPECT_EQ(hops_->lookup(v6)->source, ip("2001:db8::1"));
  EXPECT_EQ(device_name(hops_->lookup(v4)->ifindex), "veth0");
  EXPECT_EQ(hops_->why_unresolved(v4), "");
  EXPECT_EQ(changes_[v4], 1);
  watch({v6});
  EXPECT_FALSE(hops_->lookup(v4));
  EXPECT_TRUE(hops_->lookup(v6));
}

TEST_F(NextHopsTest, ResolvesALinkLocalAddressOnItsInterface) {
  watch({{ip("192.0.2.2")}});
  ASSERT_TRUE(resolves({ip("192.0.2.2")}));
  const Destination peer{ip("fe80::ff:fe00:2"), hops_->lookup({ip("192.0.2.2")})->ifindex};
  watch({peer});
  ASSERT_TRUE(resolves(peer)) << hops_->why_unresolved(peer);
  EXPECT_EQ(hops_->lookup(peer)->mac, kPeerMac);
}

TEST_F(NextHopsTest, SharesAGatewayAmongDestinations) {
  run("ip route add 198.51.100.0/24 via 192.0.2.2");
  std::vector<Destination> backends;
  for (std::uint8_t i = 1; i < 201; ++i)
    backends.push_back({IpAddress::v4(std::array<std::uint8_t, 4>{198, 51, 100, i})});
  watch(backends);
  EXPECT_LE(hops_->next_deadline(), MonotonicClock::now());  // more than one batch
  for (const auto& backend : backends) ASSERT_TRUE(resolves(backend));
  EXPECT_EQ(hops_->lookup(backends.back())->mac, kPeerMac);
  run("ip route del 198.51.100.0/24");
  EXPECT_TRUE(says(backends.back(), "no route"));
}

TEST_F(NextHopsTest, NoticesAChangedMac) {
  set_sysctl("net/ipv4/neigh/veth0/locktime", "0");
  const Destination peer{ip("192.0.2.2")};
  watch({peer});
  ASSERT_TRUE(resolves(peer));
  in_peer("ip link set veth1 address 02:00:00:00:00:22");
  {
    const Inside there(peer_);  // says something, and so asks for our MAC address with its new one
    const Descriptor udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    std::ranges::copy(ip("192.0.2.1").bytes(), reinterpret_cast<std::uint8_t*>(&to.sin_addr));
    ASSERT_EQ(sendto(udp.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 1);
  }
  const MacAddress changed{{2, 0, 0, 0, 0, 0x22}};
  EXPECT_TRUE(wait_until(*hops_, [&] {
    const auto hop = hops_->lookup(peer);
    return hop && hop->mac == changed;
  }));
  EXPECT_GE(changes_[peer], 2);
}

TEST_F(NextHopsTest, SaysWhenNobodyAnswersAndNoticesWhenSomebodyDoes) {
  const Destination v4{ip("192.0.2.9")};
  const Destination v6{ip("2001:db8::9")};
  watch({v4, v6});
  EXPECT_EQ(hops_->why_unresolved(v4), "waiting for an answer to ARP on veth0");
  EXPECT_TRUE(says(v4, "no answer to ARP on veth0"));
  EXPECT_TRUE(says(v6, "no answer to Neighbor Solicitation on veth0"));
  EXPECT_NE(hops_->next_deadline(), kNever);
  in_peer("ip address add 192.0.2.9/24 dev veth1");
  EXPECT_TRUE(resolves(v4));
}

// As `ip neigh flush` does it, and the kernel's garbage collection.
TEST_F(NextHopsTest, KeepsANeighbourWhoseEntryGoesWhileItIsAskedAgain) {
  const Destination v4{ip("192.0.2.2")}, v6{ip("2001:db8::2")};
  watch({v4, v6});
  ASSERT_TRUE(resolves(v4) && resolves(v6));
  auto requests = Requests::open();
  ASSERT_TRUE(requests);
  const auto knows = [&](const Destination& peer) {
    const auto state =
        ask_neighbour(*requests, {peer.address, hops_->lookup({ip("192.0.2.2")})->ifindex});
    return state && state->mac;
  };
  for (int i = 0; i < 3; i++) {
    run("ip -4 neigh flush dev veth0");
    run("ip -6 neigh flush dev veth0");
    EXPECT_TRUE(wait_until(*hops_, [&] {
      EXPECT_TRUE(hops_->lookup(v4) && hops_->lookup(v6));
      return knows(v4) && knows(v6);
    }));
  }
  EXPECT_EQ(changes_[v4], 1);
  EXPECT_EQ(changes_[v6], 1);
  in_peer("ip link set veth1 arp off");  // now it is really gone
  run("ip -4 neigh flush dev veth0");
  EXPECT_TRUE(says(v4, "no answer to ARP on veth0"));
}

// Or `ip neigh flush` would find a new entry in each of its rounds, and fail after ten.
TEST_F(NextHopsTest, LeavesWhoFlushesTheTimeForIt) {
  const Destination v4{ip("192.0.2.2")}, v6{ip("2001:db8::2")};
  watch({v4, v6});
  ASSERT_TRUE(resolves(v4) && resolves(v6));
  auto requests = Requests::open();
  ASSERT_TRUE(requests);
  const int ifindex = hops_->lookup(v4)->ifindex;
  run("ip -4 neigh flush dev veth0");
  run("ip -6 neigh flush dev veth0");
  const auto now = MonotonicClock::now();
  hops_->process(now);
  for (const auto& peer : {v4, v6}) {
    const auto state = ask_neighbour(*requests, {peer.address, ifindex});
    EXPECT_TRUE(!state || state->reach != Reach::asking) << peer.address.to_string();
  }
  EXPECT_GT(hops_->next_deadline(), now);
  EXPECT_LE(hops_->next_deadline(), now + NextHops::kAfterFlush);
}

TEST_F(NextHopsTest, FollowsTheMtuOfARoute) {
  const Destination v4{ip("198.51.100.9")}, v6{ip("2001:db8:9::9")};
  run("ip route add 198.51.100.0/24 via 192.0.2.2 mtu 1400");
  run("ip route add 2001:db8:9::/64 via 2001:db8::2 mtu 1320");
  watch({v4, v6, {ip("192.0.2.2")}});
  ASSERT_TRUE(resolves(v4) && resolves(v6) && resolves({ip("192.0.2.2")}));
  EXPECT_EQ(hops_->lookup(v4)->mtu, 1400U);
  EXPECT_EQ(hops_->lookup(v6)->mtu, 1320U);
  EXPECT_EQ(hops_->lookup({ip("192.0.2.2")})->mtu, 0U);
  run("ip route change 198.51.100.0/24 via 192.0.2.2 mtu 1300");
  EXPECT_TRUE(wait_until(*hops_, [&] { return hops_->lookup(v4)->mtu == 1300; }));
}

// A router's "too big" about a packet that was wrapped here, without the kernel.
TEST_F(NextHopsTest, HearsOfThePathsMtuOfATunnel) {
  const Destination backend{ip("198.51.100.9")};
  run("ip route add 198.51.100.0/24 via 192.0.2.2");
  auto errors = TunnelErrors::open();
  ASSERT_TRUE(errors) << errors.error().message;
  watch({backend});
  ASSERT_TRUE(resolves(backend));
  EXPECT_EQ(hops_->lookup(backend)->mtu, 0U);
  std::array<std::uint8_t, 8 + 20 + 20> error{3, 4};  // fragmentation needed
  error[6] = 1300 >> 8;
  error[7] = 1300 & 0xff;
  std::uint8_t* quoted = &error[8];
  quoted[0] = 0x45;
  quoted[2] = 1500 >> 8;
  quoted[3] = 1500 & 0xff;
  quoted[6] = 0x40;
  quoted[8] = 60;
  quoted[9] = IPPROTO_IPIP;
  std::ranges::copy(ip("192.0.2.1").bytes(), quoted + 12);
  std::ranges::copy(backend.address.bytes(), quoted + 16);
  quoted[20] = 0x45;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < error.size(); i += 2) sum += error[i] * 256U + error[i + 1];
  sum = ~((sum & 0xffff) + (sum >> 16));
  error[2] = static_cast<std::uint8_t>(sum >> 8);
  error[3] = static_cast<std::uint8_t>(sum);
  {
    const Inside there(peer_);
    const Descriptor icmp(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::ranges::copy(ip("192.0.2.1").bytes(), reinterpret_cast<std::uint8_t*>(&to.sin_addr));
    ASSERT_EQ(sendto(icmp.get(), error.data(), error.size(), 0, reinterpret_cast<sockaddr*>(&to),
                     sizeof to),
              static_cast<ssize_t>(error.size()));
  }
  EXPECT_TRUE(wait_until(*hops_, [&] {
    errors->process([&](const IpAddress& to) {
      EXPECT_EQ(to, backend.address);
      hops_->ask_again(to, MonotonicClock::now());
    });
    return hops_->lookup(backend)->mtu == 1300;
  }));
}

TEST_F(NextHopsTest, HasAStaleNeighbourVerified) {
  const Destination peer{ip("192.0.2.2")};
  const std::string stale =
      "ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 nud stale dev veth0";
  const auto reachable = [] {
    return run("ip neigh show 192.0.2.2 dev veth0").find("REACHABLE") != std::string::npos;
  };
  set_sysctl("net/ipv4/neigh/veth0/delay_first_probe_time", "1");
  run(stale);
  watch({peer});
  EXPECT_EQ(hops_->lookup(peer)->mac, kPeerMac);  // good enough meanwhile
  ASSERT_TRUE(wait_until(*hops_, reachable));
  run(stale);
  EXPECT_TRUE(wait_until(*hops_, reachable));
  EXPECT_EQ(changes_[peer], 1);
}

TEST_F(NextHopsTest, NoticesARouteThatWentWithItsSourceAddress) {
  run("ip address add 192.0.2.50/32 dev veth0");
  run("ip route add 198.51.100.0/24 via 192.0.2.2 src 192.0.2.1");
  const Destination far{ip("198.51.100.1")};
  watch({far});
  ASSERT_TRUE(resolves(far));
  EXPECT_EQ(hops_->lookup(far)->source, ip("192.0.2.1"));
  run("ip address del 192.0.2.1/24 dev veth0");
  EXPECT_TRUE(says(far, "no route"));
}

TEST_F(NextHopsTest, SaysWhyThereIsNoRoute) {
  const Destination far{ip("203.0.113.1")};
  const Destination own{ip("192.0.2.1")};
  const Destination blocked{ip("198.51.100.1")};
  run("ip route add blackhole 198.51.100.0/24");
  watch({far, own, blocked});
  EXPECT_EQ(hops_->why_unresolved(far), "no route");
  EXPECT_EQ(hops_->why_unresolved(own), "it is this node's own");
  EXPECT_NE(hops_->why_unresolved(blocked), "");
  EXPECT_FALSE(hops_->lookup(blocked));
  run("ip route add 203.0.113.0/24 via 192.0.2.2");
  EXPECT_TRUE(resolves(far));
}

TEST_F(NextHopsTest, FollowsADefaultRouteToAnotherGateway) {
  in_peer("ip address add 192.0.2.3/24 dev veth1");
  run("ip route add default via 192.0.2.77");
  const Destination far{ip("203.0.113.1")};
  watch({far});
  EXPECT_TRUE(says(far, "no answer to ARP for 192.0.2.77 on veth0"));
  run("ip route replace default via 192.0.2.3");
  EXPECT_TRUE(resolves(far));
}

TEST_F(NextHopsTest, LosesAndRegainsADestinationWithItsLink) {
  const Destination peer{ip("192.0.2.2")};
  watch({peer});
  ASSERT_TRUE(resolves(peer));
  run("ip link set veth0 down");
  EXPECT_TRUE(says(peer, "no route"));
  run("ip link set veth0 up");
  EXPECT_TRUE(resolves(peer));
  run("ip link del veth0");
  EXPECT_TRUE(says(peer, "no route"));
  add_veth();
  give_addresses();
  EXPECT_TRUE(resolves(peer));
}

TEST_F(NextHopsTest, AsksAnewWhenTheKernelDroppedNotifications) {
  const Destination peer{ip("192.0.2.2")};
  watch({peer});
  ASSERT_TRUE(resolves(peer));
  const int tiny = 1;
  ASSERT_EQ(setsockopt(hops_->fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
  for (int i = 1; i < 60; ++i)
    run("ip route add 198.51.100." + std::to_string(i) + "/32 dev veth0");
  run("ip route add blackhole 192.0.2.2/32");
  hops_->process(MonotonicClock::now());
  EXPECT_FALSE(hops_->lookup(peer));
}

}  // namespace
}  // namespace tandem::netlink
