// SPDX-License-Identifier: Apache-2.0
// Feeds the table with messages as the kernel sends them, so that VLAN devices are tested on
// kernels without VLAN support too.
#include "netlink/link_table.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "netlink/links.hpp"

namespace tandem::netlink {
namespace {

Owned<nl_msg> start(int type, const auto& header) {
  Owned<nl_msg> message(nlmsg_alloc_simple(type, 0));
  nlmsg_set_proto(message.get(), NETLINK_ROUTE);
  auto copy = header;
  nlmsg_append(message.get(), &copy, sizeof copy, NLMSG_ALIGNTO);
  return message;
}

struct LinkMessage {
  int type = RTM_NEWLINK;
  int ifindex = 1;
  const char* name = "eth0";
  int parent = 0;
  int vlan = -1;
  std::uint16_t protocol = ETH_P_8021Q;
  bool parent_outside = false;
  unsigned char family = AF_UNSPEC;
  unsigned flags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

  [[nodiscard]] Owned<nl_msg> build() const {
    ifinfomsg header{};
    header.ifi_family = family;
    header.ifi_index = ifindex;
    header.ifi_flags = flags;
    auto message = start(type, header);
    nla_put_string(message.get(), IFLA_IFNAME, name);
    nla_put_u32(message.get(), IFLA_MTU, 1500);
    if (parent != 0) nla_put_u32(message.get(), IFLA_LINK, static_cast<std::uint32_t>(parent));
    if (parent_outside) nla_put_s32(message.get(), IFLA_LINK_NETNSID, 0);
    if (vlan >= 0) {
      auto* info = nla_nest_start(message.get(), IFLA_LINKINFO);
      nla_put_string(message.get(), IFLA_INFO_KIND, "vlan");
      auto* data = nla_nest_start(message.get(), IFLA_INFO_DATA);
      nla_put_u16(message.get(), IFLA_VLAN_ID, static_cast<std::uint16_t>(vlan));
      nla_put_u16(message.get(), IFLA_VLAN_PROTOCOL, htons(protocol));
      nla_nest_end(message.get(), data);
      nla_nest_end(message.get(), info);
    }
    return message;
  }
};

Owned<nl_msg> address_message(int type, int ifindex, const char* text, std::uint32_t flags = 0) {
  const auto prefix = IpPrefix::parse(text).value();
  const auto bytes = prefix.address.bytes();
  ifaddrmsg header{};
  header.ifa_family = prefix.address.is_v4() ? AF_INET : AF_INET6;
  header.ifa_prefixlen = prefix.length;
  header.ifa_index = static_cast<unsigned>(ifindex);
  auto message = start(type, header);
  if (prefix.address.is_v4())
    nla_put(message.get(), IFA_LOCAL, static_cast<int>(bytes.size()), bytes.data());
  nla_put(message.get(), IFA_ADDRESS, static_cast<int>(bytes.size()), bytes.data());
  nla_put_u32(message.get(), IFA_FLAGS, flags);
  return message;
}

class LinkTableTest : public testing::Test {
 protected:
  LinkChanges take(const Owned<nl_msg>& message) {
    LinkChanges changes;
    table_.apply(*message, changes);
    return changes;
  }
  LinkState state(const std::set<IpAddress>& virtual_addresses = {}) {
    return describe(*table_.find("eth0"), virtual_addresses);
  }

  LinkTable table_;
};

TEST_F(LinkTableTest, ResolvesVlanDevicesToTheBottomWithTheOuterTagFirst) {
  take(LinkMessage{.ifindex = 2}.build());
  take(LinkMessage{.ifindex = 5, .name = "eth0.7", .parent = 2, .vlan = 7, .protocol = ETH_P_8021AD}
           .build());
  take(LinkMessage{.ifindex = 6, .name = "customer", .parent = 5, .vlan = 100}.build());
  EXPECT_EQ(*table_.bottom("customer"), (BottomDevice{2, "eth0", {{7, 0x88a8}, {100, 0x8100}}}));
  EXPECT_EQ(*table_.bottom("eth0"), (BottomDevice{2, "eth0", {}}));
}

TEST_F(LinkTableTest, DescendsThroughNothingButVlans) {
  take(LinkMessage{.ifindex = 2}.build());
  take(LinkMessage{.ifindex = 3, .name = "macvlan0", .parent = 2}.build());
  EXPECT_EQ(table_.bottom("macvlan0")->name, "macvlan0");
}

TEST_F(LinkTableTest, SaysWhyThereIsNoBottom) {
  EXPECT_EQ(table_.bottom("eth9").error().message, "interface eth9 does not exist");
  take(LinkMessage{.ifindex = 2}.build());
  take(LinkMessage{.ifindex = 5, .name = "away", .parent = 2, .vlan = 7, .parent_outside = true}
           .build());
  EXPECT_NE(table_.bottom("away").error().message.find("network namespace"), std::string::npos);
  take(LinkMessage{.ifindex = 6, .name = "orphan", .parent = 99, .vlan = 7}.build());
  EXPECT_FALSE(table_.bottom("orphan"));
  take(LinkMessage{.ifindex = 7, .name = "loop", .parent = 7, .vlan = 7}.build());
  EXPECT_FALSE(table_.bottom("loop"));
}

TEST_F(LinkTableTest, ReportsARenameUnderBothNames) {
  take(LinkMessage{.ifindex = 2}.build());
  EXPECT_EQ(take(LinkMessage{.ifindex = 2, .name = "front"}.build()),
            (LinkChanges{{2, "eth0"}, {2, "front"}}));
  EXPECT_EQ(table_.find("eth0"), nullptr);
}

TEST_F(LinkTableTest, ReportsOnlyWhatChanged) {
  EXPECT_EQ(take(LinkMessage{.ifindex = 2}.build()).size(), 1U);
  EXPECT_TRUE(take(LinkMessage{.ifindex = 2}.build()).empty());
  EXPECT_EQ(take(address_message(RTM_NEWADDR, 2, "192.0.2.1/24")).size(), 1U);
  EXPECT_TRUE(take(address_message(RTM_NEWADDR, 2, "192.0.2.1/24")).empty());
  EXPECT_TRUE(take(address_message(RTM_DELADDR, 2, "192.0.2.9/24")).empty());
  EXPECT_TRUE(take(address_message(RTM_NEWADDR, 3, "192.0.2.1/24")).empty());
}

TEST_F(LinkTableTest, KeepsADeviceThatOnlyLeftItsBridge) {
  take(LinkMessage{.ifindex = 2}.build());
  take(LinkMessage{.type = RTM_DELLINK, .ifindex = 2, .family = AF_BRIDGE}.build());
  EXPECT_NE(table_.find("eth0"), nullptr);
  take(LinkMessage{.type = RTM_DELLINK, .ifindex = 2}.build());
  EXPECT_EQ(table_.find("eth0"), nullptr);
}

TEST_F(LinkTableTest, IsUpOnlyWithACarrierAndOperational) {
  for (const unsigned flags :
       {0U, unsigned{IFF_UP}, unsigned{IFF_UP | IFF_RUNNING}, unsigned{IFF_UP | IFF_LOWER_UP}}) {
    take(LinkMessage{.flags = flags}.build());
    EXPECT_FALSE(state().up) << flags;
  }
  take(LinkMessage{}.build());
  EXPECT_TRUE(state().up);
}

TEST_F(LinkTableTest, PicksThePrimaryAddressThatIsNotVirtual) {
  take(LinkMessage{}.build());
  EXPECT_FALSE(state().primary_v4);
  take(address_message(RTM_NEWADDR, 1, "192.0.2.100/24"));
  take(address_message(RTM_NEWADDR, 1, "192.0.2.7/24", IFA_F_SECONDARY));
  EXPECT_EQ(state().primary_v4, IpAddress::parse("192.0.2.100"));
  const std::set<IpAddress> virtual_addresses{*IpAddress::parse("192.0.2.100")};
  EXPECT_EQ(state(virtual_addresses).primary_v4, IpAddress::parse("192.0.2.7"));
  take(address_message(RTM_NEWADDR, 1, "198.51.100.1/24"));
  EXPECT_EQ(state(virtual_addresses).primary_v4, IpAddress::parse("198.51.100.1"));
}

TEST_F(LinkTableTest, PicksALinkLocalAddressThatIsUsableAndNotVirtual) {
  take(LinkMessage{}.build());
  take(address_message(RTM_NEWADDR, 1, "2001:db8::1/64"));
  take(address_message(RTM_NEWADDR, 1, "fe80::1/64", IFA_F_TENTATIVE));
  take(address_message(RTM_NEWADDR, 1, "fe80::2/64", IFA_F_PERMANENT | IFA_F_DADFAILED));
  EXPECT_FALSE(state().link_local_v6);
  take(address_message(RTM_NEWADDR, 1, "fe80::64/64", IFA_F_PERMANENT));
  EXPECT_FALSE(state({*IpAddress::parse("fe80::64")}).link_local_v6);
  take(address_message(RTM_NEWADDR, 1, "fe80::1/64", IFA_F_PERMANENT));
  EXPECT_EQ(state({*IpAddress::parse("fe80::64")}).link_local_v6, IpAddress::parse("fe80::1"));
}

TEST_F(LinkTableTest, ComparesWithAnEarlierOne) {
  take(LinkMessage{.ifindex = 2}.build());
  take(LinkMessage{.ifindex = 3, .name = "gone"}.build());
  take(LinkMessage{.ifindex = 4, .name = "same"}.build());
  const LinkTable before = table_;
  take(LinkMessage{.type = RTM_DELLINK, .ifindex = 3, .name = "gone"}.build());
  take(address_message(RTM_NEWADDR, 2, "192.0.2.1/24"));
  take(LinkMessage{.ifindex = 5, .name = "new"}.build());
  LinkChanges changes;
  table_.compare(before, changes);
  EXPECT_EQ(changes, (LinkChanges{{2, "eth0"}, {3, "gone"}, {5, "new"}}));
}

}  // namespace
}  // namespace tandem::netlink
