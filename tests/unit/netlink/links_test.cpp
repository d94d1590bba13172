// SPDX-License-Identifier: Apache-2.0
#include "netlink/links.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <map>

#include "namespaces.hpp"

namespace tandem::netlink {
namespace {

class LinksTest : public NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto links = Links::open();
    ASSERT_TRUE(links) << links.error().message;
    links_.emplace(std::move(*links));
    links_->on_change([this](int, const std::string& name) { ++changes_[name]; });
  }

  std::optional<Links> links_;
  std::map<std::string, int> changes_;
};

TEST_F(LinksTest, FindsWhatTheKernelHas) {
  run("ip address add 192.0.2.1/24 dev veth0");
  ASSERT_TRUE(
      wait_until(*links_, [&] { return links_->find("veth0")->link_local_v6.has_value(); }));
  const auto state = *links_->find("veth0");
  EXPECT_EQ(state.mac.to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(state.mtu, 1500U);
  EXPECT_TRUE(state.up);
  EXPECT_EQ(state.parent, 0);  // its other end is in another namespace
  EXPECT_FALSE(state.vlan);
  EXPECT_EQ(state.primary_v4, ip("192.0.2.1"));
  EXPECT_EQ(state.link_local_v6, ip("fe80::ff:fe00:1"));
  EXPECT_EQ(links_->find(state.ifindex), state);
  EXPECT_FALSE(links_->find("eth9"));
  EXPECT_GT(changes_["veth0"], 0);
  links_->set_virtual_addresses({ip("192.0.2.1")});
  EXPECT_FALSE(links_->find("veth0")->primary_v4);
}

TEST_F(LinksTest, TellsWhatNoOtherHostHas) {
  run("ip address add 192.0.2.1/24 dev veth0");
  run("ip address add 198.51.100.7/31 dev veth0");
  run("ip address add 2001:db8::1/64 dev veth0");
  run("ip link add br0 address 02:00:00:00:00:cc type bridge");
  run("ip link set veth0 master br0");
  run("ip address add 203.0.113.65/26 dev br0");
  const auto have = [&](const char* mac) {
    const auto macs = links_->macs_on(links_->find("veth0")->ifindex);
    return std::ranges::any_of(macs, [&](const auto& m) { return m.to_string() == mac; });
  };
  ASSERT_TRUE(wait_until(*links_, [&] { return have("02:00:00:00:00:cc"); }));
  EXPECT_EQ(links_->macs_on(links_->find("veth0")->ifindex).front().to_string(),
            "02:00:00:00:00:01");
  EXPECT_EQ(links_->macs_on(links_->find("br0")->ifindex).size(), 1U);  // not what is under it
  ASSERT_TRUE(
      wait_until(*links_, [&] { return links_->own_addresses().contains(ip("203.0.113.65")); }));
  const auto own = links_->own_addresses();
  for (const char* address : {"192.0.2.1", "192.0.2.0", "192.0.2.255", "198.51.100.7",
                              "2001:db8::1", "203.0.113.65", "203.0.113.64", "203.0.113.127"})
    EXPECT_TRUE(own.contains(ip(address))) << address;
  for (const char* address : {"192.0.2.2", "198.51.100.6", "203.0.113.255", "2001:db8::"})
    EXPECT_FALSE(own.contains(ip(address))) << address;
}

TEST_F(LinksTest, NoticesALostCarrier) {
  ASSERT_TRUE(wait_until(*links_, [&] { return links_->find("veth0")->up; }));
  changes_.clear();
  in_peer("ip link set veth1 down");
  EXPECT_TRUE(wait_until(*links_, [&] { return !links_->find("veth0")->up; }));
  EXPECT_GT(changes_["veth0"], 0);
}

TEST_F(LinksTest, NoticesAnInterfaceThatGoesAndComesBack) {
  run("ip link del veth0");
  ASSERT_TRUE(wait_until(*links_, [&] { return !links_->find("veth0"); }));
  EXPECT_EQ(changes_["veth0"], 1);
  add_veth();
  EXPECT_TRUE(wait_until(*links_, [&] { return links_->find("veth0").has_value(); }));
}

TEST_F(LinksTest, KeepsAMemberThatLeavesItsBridge) {
  run("ip link add bridge0 type bridge");
  run("ip link set veth0 master bridge0");
  run("ip link set veth0 nomaster");
  ASSERT_TRUE(wait_until(*links_, [&] { return links_->find("bridge0").has_value(); }));
  EXPECT_TRUE(links_->find("veth0"));
}

TEST_F(LinksTest, ReadsEverythingAnewWhenTheKernelDroppedNotifications) {
  const int tiny = 1;  // the kernel rounds it up to its minimum
  ASSERT_EQ(setsockopt(links_->fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
  for (int i = 1; i < 60; ++i) run("ip address add 192.0.2." + std::to_string(i) + "/32 dev veth0");
  for (int i = 1; i < 60; ++i) run("ip address del 192.0.2." + std::to_string(i) + "/32 dev veth0");
  run("ip address add 198.51.100.7/24 dev veth0");
  ASSERT_TRUE(links_->process());
  EXPECT_EQ(links_->find("veth0")->primary_v4, ip("198.51.100.7"));
  EXPECT_EQ(changes_["veth0"], 1);
}

}  // namespace
}  // namespace tandem::netlink
