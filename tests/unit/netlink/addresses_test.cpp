// SPDX-License-Identifier: Apache-2.0
#include "netlink/addresses.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "namespaces.hpp"

namespace tandem::netlink {
namespace {

using namespace std::chrono_literals;

class AddressesTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto addresses = Addresses::open(kOurs);
    ASSERT_TRUE(addresses) << addresses.error().message;
    addresses_.emplace(std::move(*addresses));
    addresses_->on_restore([this](const DeviceAddress&, const Result<void>& outcome) {
      ++(outcome ? restored_ : refused_);
    });
  }
  Result<void> install(const std::vector<DeviceAddress>& wanted, const char* owner = "VI_1") {
    return addresses_->install(owner, wanted, MonotonicClock::now());
  }
  static std::string shown(const std::string& device = "veth0") {
    return run("ip -o address show dev " + device);
  }
  static bool has(const std::string& text, const std::string& device = "veth0") {
    return shown(device).find(" " + text + " ") != std::string::npos;
  }

  static constexpr std::uint8_t kOurs = 0xc0;
  std::optional<Addresses> addresses_;
  int restored_ = 0;
  int refused_ = 0;
};

const DeviceAddress kV4{"veth0", prefix("192.0.2.100/24"), "veth0:vip1"};
const DeviceAddress kV6{"veth0", prefix("2001:db8::100/64"), ""};

TEST_F(AddressesTest, InstallsWithLabelAndRemoves) {
  ASSERT_TRUE(install({kV4, kV6}));
  EXPECT_NE(shown().find("inet 192.0.2.100/24 scope global veth0:vip1"), std::string::npos)
      << shown();
  EXPECT_TRUE(has("2001:db8::100/64"));
  ASSERT_TRUE(install({kV4, kV6}));  // again: nothing to do
  ASSERT_TRUE(addresses_->remove("VI_1"));
  EXPECT_FALSE(has("192.0.2.100/24"));
  EXPECT_FALSE(has("2001:db8::100/64"));
  ASSERT_TRUE(addresses_->remove("VI_1"));
  EXPECT_EQ(addresses_->counters().restored + addresses_->counters().failed, 0U);
}

TEST_F(AddressesTest, RemovesWhatIsNoLongerListed) {
  const DeviceAddress other{"veth0", prefix("192.0.2.101/32"), ""};
  ASSERT_TRUE(install({kV4, other}));
  ASSERT_TRUE(install({other, kV6}));
  EXPECT_FALSE(has("192.0.2.100/24"));
  EXPECT_TRUE(has("192.0.2.101/32"));
  EXPECT_TRUE(has("2001:db8::100/64"));
}

TEST_F(AddressesTest, KeepsWhatAnotherOwnerWants) {
  ASSERT_TRUE(install({kV4}, "VI_1"));
  ASSERT_TRUE(install({kV4}, "VI_2"));
  ASSERT_TRUE(addresses_->remove("VI_1"));
  EXPECT_TRUE(has("192.0.2.100/24"));
  ASSERT_TRUE(addresses_->remove("VI_2"));
  EXPECT_FALSE(has("192.0.2.100/24"));
}

TEST_F(AddressesTest, TakesOverWhatIsThereAlready) {
  run("ip address add 192.0.2.100/24 dev veth0 label veth0:vip1");
  run("ip address add 2001:db8::100/64 dev veth0 nodad");
  ASSERT_TRUE(install({kV4, kV6}));
  ASSERT_TRUE(addresses_->remove("VI_1"));
  EXPECT_FALSE(has("192.0.2.100/24"));
  EXPECT_FALSE(has("2001:db8::100/64"));
}

TEST_F(AddressesTest, ChangesALabel) {
  ASSERT_TRUE(install({kV4}));
  ASSERT_TRUE(install({{"veth0", kV4.prefix, "veth0:new"}}));
  EXPECT_NE(shown().find("veth0:new"), std::string::npos) << shown();
}

TEST_F(AddressesTest, MakesIpv6AddressesUsableAtOnce) {
  ASSERT_TRUE(install({kV6, {"veth0", prefix("2001:db8::200/128"), ""}}));
  EXPECT_EQ(shown().find("tentative dadfailed"), std::string::npos);
  for (const char* text : {"2001:db8::100", "2001:db8::200"}) {
    const Descriptor udp(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    inet_pton(AF_INET6, text, &address.sin6_addr);
    // A tentative address would be refused: EADDRNOTAVAIL.
    EXPECT_EQ(bind(udp.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << text;
  }
  const auto lines = shown();
  const auto host = lines.find("2001:db8::200/128");
  ASSERT_NE(host, std::string::npos);
  EXPECT_NE(lines.find("deprecated", host), std::string::npos) << lines;
  EXPECT_EQ(lines.substr(0, host).find("deprecated"), std::string::npos) << lines;
}

TEST_F(AddressesTest, PutsBackWhatSomethingElseRemoved) {
  ASSERT_TRUE(install({kV4, kV6}));
  run("ip address del 192.0.2.100/24 dev veth0");
  run("ip address del 2001:db8::100/64 dev veth0");
  EXPECT_TRUE(wait_until(*addresses_, [&] { return restored_ == 2; }));
  EXPECT_NE(shown().find("veth0:vip1"), std::string::npos);
  EXPECT_TRUE(has("2001:db8::100/64"));
  EXPECT_EQ(addresses_->counters().restored, 2U);
  ASSERT_TRUE(addresses_->remove("VI_1"));
  addresses_->process(MonotonicClock::now() + 1h);
  EXPECT_FALSE(has("192.0.2.100/24"));
}

TEST_F(AddressesTest, PacesAFight) {
  const auto start = MonotonicClock::now();
  ASSERT_TRUE(addresses_->install("VI_1", {kV4}, start));
  run("ip address del 192.0.2.100/24 dev veth0");
  addresses_->process(start + 99ms);
  EXPECT_FALSE(has("192.0.2.100/24"));
  EXPECT_EQ(addresses_->next_deadline(), start + 100ms);
  addresses_->on_time(start + 100ms);
  EXPECT_TRUE(has("192.0.2.100/24"));
  EXPECT_EQ(addresses_->next_deadline(), kNever);
  run("ip address del 192.0.2.100/24 dev veth0");
  addresses_->process(start + 150ms);
  EXPECT_FALSE(has("192.0.2.100/24"));
  EXPECT_EQ(addresses_->next_deadline(), start + 200ms);
}

TEST_F(AddressesTest, SurvivesALinkThatGoesDownAndUp) {
  ASSERT_TRUE(install({kV4, kV6}));
  run("ip link set veth0 down");
  EXPECT_FALSE(has("2001:db8::100/64"));
  addresses_->process(MonotonicClock::now() + 1s);
  run("ip link set veth0 up");
  EXPECT_TRUE(wait_until(*addresses_, [&] { return has("2001:db8::100/64"); }));
  EXPECT_TRUE(has("192.0.2.100/24"));
  EXPECT_NE(run("ip -6 route show dev veth0").find("2001:db8::/64"), std::string::npos);
}

TEST_F(AddressesTest, InstallsOnALinkThatIsDown) {
  run("ip link set veth0 down");
  ASSERT_TRUE(install({kV4, kV6}));
  run("ip link set veth0 up");
  EXPECT_TRUE(wait_until(*addresses_, [&] { return has("2001:db8::100/64"); }));
  EXPECT_TRUE(has("192.0.2.100/24"));
  EXPECT_NE(run("ip -6 route show dev veth0").find("2001:db8::/64"), std::string::npos);
}

TEST_F(AddressesTest, ReinstallsWhenARemovedInterfaceReturns) {
  ASSERT_TRUE(install({kV4, kV6}));
  run("ip link del veth0");
  addresses_->process(MonotonicClock::now());
  ASSERT_TRUE(install({kV4, kV6}, "VI_2").error().message.find("does not exist") !=
              std::string::npos);
  add_veth();
  EXPECT_TRUE(wait_until(*addresses_, [&] { return has("2001:db8::100/64"); }));
  EXPECT_TRUE(has("192.0.2.100/24"));
}

TEST_F(AddressesTest, RemovesFromAnInterfaceThatIsGoneWithoutAnError) {
  ASSERT_TRUE(install({kV4}));
  run("ip link del veth0");
  EXPECT_TRUE(addresses_->remove("VI_1"));
  ASSERT_TRUE(addresses_->sweep({kV4}));
}

TEST_F(AddressesTest, SweepsLeftoversButNotWhatIsWanted) {
  run("ip address add 192.0.2.2/24 dev veth0");
  run("ip address add 2001:db8::2/64 dev veth0 nodad");
  run("ip address add 192.0.2.100/32 dev veth0");  // with an earlier configuration's length
  run("ip address add 192.0.2.101/24 dev veth0");
  run("ip address add 2001:db8::100/64 dev veth0");
  ASSERT_TRUE(install({{"veth0", prefix("192.0.2.102/24"), ""}}));
  ASSERT_TRUE(addresses_->sweep(
      {kV4, kV6, {"veth0", prefix("192.0.2.102/24"), ""}, {"eth9", prefix("192.0.2.101/24"), ""}}));
  EXPECT_FALSE(has("192.0.2.100/32"));
  EXPECT_FALSE(has("2001:db8::100/64"));
  EXPECT_TRUE(has("192.0.2.101/24"));
  EXPECT_TRUE(has("192.0.2.102/24"));
}

// Another process's: what it left behind carries the number, whatever the interface's name is now
// and whatever the configuration says.
TEST_F(AddressesTest, SweepsWhatCarriesItsNumberWhereverItIs) {
  ASSERT_TRUE(install({kV4, kV6}));
  run("ip address add 198.51.100.9/24 dev veth0");
  run("ip link set veth0 down");
  run("ip link set veth0 name wan0");
  run("ip link set wan0 up");
  auto next = Addresses::open(kOurs);
  ASSERT_TRUE(next);
  ASSERT_TRUE(next->sweep({}));
  EXPECT_FALSE(has("192.0.2.100/24", "wan0"));
  EXPECT_TRUE(has("198.51.100.9/24", "wan0"));
}

TEST_F(AddressesTest, LeavesWhatAnotherDaemonPutThere) {
  ASSERT_TRUE(install({kV4}));
  auto other = Addresses::open(kOurs + 1);
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->sweep({}));
  EXPECT_TRUE(has("192.0.2.100/24"));
  EXPECT_NE(protocol_number("/sys/fs/bpf/tandem"), protocol_number("/sys/fs/bpf/other"));
}

TEST_F(AddressesTest, RemovesFromAnInterfaceThatWasRenamed) {
  ASSERT_TRUE(install({kV4}));
  run("ip link set veth0 down");
  run("ip link set veth0 name wan0");
  ASSERT_TRUE(wait_until(*addresses_, [this] { return !addresses_->counters().failed; }));
  addresses_->process(MonotonicClock::now());
  ASSERT_TRUE(addresses_->remove("VI_1"));
  EXPECT_FALSE(has("192.0.2.100/24", "wan0"));
}

// The own address was taken off and put on again, so that it is secondary to the virtual one now.
TEST_F(AddressesTest, LeavesTheOwnAddressThatIsSecondary) {
  set_sysctl("net/ipv4/conf/veth0/promote_secondaries", "0");
  set_sysctl("net/ipv4/conf/all/promote_secondaries", "0");
  run("ip address add 192.0.2.2/24 dev veth0");
  ASSERT_TRUE(install({kV4}));
  run("ip address del 192.0.2.2/24 dev veth0");
  ASSERT_TRUE(install({kV4}));  // went with it; put back
  run("ip address add 192.0.2.2/24 dev veth0");
  run("ip route add default via 192.0.2.1");
  ASSERT_NE(shown().find("secondary"), std::string::npos) << shown();
  addresses_->process(MonotonicClock::now());
  ASSERT_TRUE(addresses_->remove("VI_1"));
  EXPECT_FALSE(has("192.0.2.100/24"));
  EXPECT_TRUE(has("192.0.2.2/24"));
  EXPECT_NE(run("ip route").find("default via 192.0.2.1"), std::string::npos);
  EXPECT_EQ(run("cat /proc/sys/net/ipv4/conf/veth0/promote_secondaries"), "0\n");
}

TEST_F(AddressesTest, GivesTheFirstPlaceBackToTheOwnAddress) {
  set_sysctl("net/ipv4/conf/veth0/promote_secondaries", "0");
  run("ip address add 192.0.2.2/24 dev veth0");
  ASSERT_TRUE(install({kV4}));
  run("ip address del 192.0.2.2/24 dev veth0");
  ASSERT_TRUE(install({kV4}));
  run("ip address add 192.0.2.2/24 dev veth0");
  ASSERT_TRUE(wait_until(*addresses_, [] {
    return run("ip -o -4 address show dev veth0 primary").find("192.0.2.2/24") != std::string::npos;
  }));
  EXPECT_NE(run("ip -o -4 address show dev veth0 secondary").find("192.0.2.100/24"),
            std::string::npos);
}

TEST_F(AddressesTest, DoesNotSweepTheOnlyOwnAddress) {
  run("ip address add 192.0.2.100/24 dev veth0");
  auto next = Addresses::open(kOurs);
  ASSERT_TRUE(next);
  const auto swept = next->sweep({kV4});
  ASSERT_FALSE(swept);
  EXPECT_NE(swept.error().message.find("the only own one"), std::string::npos);
  EXPECT_TRUE(has("192.0.2.100/24"));
  run("ip address add 192.0.2.2/24 dev veth0");
  auto later = Addresses::open(kOurs);
  ASSERT_TRUE(later);
  EXPECT_TRUE(later->sweep({kV4}));
  EXPECT_FALSE(has("192.0.2.100/24")) << "a leftover beside the own one";
}

TEST_F(AddressesTest, NamesWhatItCouldNotInstallAndInstallsTheRest) {
  const auto outcome = install({{"eth9", prefix("192.0.2.103/24"), ""},
                                {"veth0", prefix("2001:db8::1/64"), "veth0:vip1"},
                                {"veth0", prefix("192.0.2.104/24"), "eth0:vip1"},
                                {"veth0", prefix("192.0.2.105/24"), "veth0:much-too-long"},
                                {"veth0", prefix("192.0.2.106/24"), ""}});
  ASSERT_FALSE(outcome);
  for (const char* text :
       {"192.0.2.103/24 on eth9: the interface does not exist",
        "2001:db8::1/64 on veth0: label \"veth0:vip1\" is for IPv4 addresses only",
        "192.0.2.104/24 on veth0: label \"eth0:vip1\" must begin with the device's name",
        "at most 15 characters"})
    EXPECT_NE(outcome.error().message.find(text), std::string::npos) << outcome.error().message;
  EXPECT_TRUE(has("192.0.2.106/24"));
  EXPECT_FALSE(has("2001:db8::1/64"));
}

TEST_F(AddressesTest, GivesTheKernelsReasonAndTriesAgain) {
  set_sysctl("net/ipv6/conf/veth0/disable_ipv6", "1");
  const auto start = MonotonicClock::now();
  const auto outcome = addresses_->install("VI_1", {kV6}, start);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("2001:db8::100/64 on veth0: cannot add the address: "),
            std::string::npos)
      << outcome.error().message;
  EXPECT_EQ(addresses_->counters().failed, 1U);
  EXPECT_EQ(addresses_->next_deadline(), start + 1s);
  addresses_->on_time(start + 1s);
  EXPECT_EQ(refused_, 1);
  set_sysctl("net/ipv6/conf/veth0/disable_ipv6", "0");
  addresses_->on_time(start + 2s);
  EXPECT_TRUE(has("2001:db8::100/64"));
}

}  // namespace
}  // namespace tandem::netlink
