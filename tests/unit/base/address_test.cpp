// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.100")->to_string(), "192.0.2.100");
  EXPECT_EQ(IpAddress::parse("2001:db8:0:0::1")->to_string(), "2001:db8::1");
}

TEST(IpAddress, RefusesWhatIsNoNumericAddress) {
  for (const char* text : {"", "192.0.2", "192.0.2.256", "node-a", "fe80::1%eth0", "192.0.2.1/24"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, ComparesInNetworkOrder) {
  EXPECT_LT(*IpAddress::parse("192.0.2.9"), *IpAddress::parse("192.0.2.10"));
  EXPECT_LT(*IpAddress::parse("9.0.0.255"), *IpAddress::parse("192.0.2.0"));
  EXPECT_LT(*IpAddress::parse("fe80::1"), *IpAddress::parse("fe80::1:0"));
}

TEST(IpAddress, KnowsLinkLocalAndMulticast) {
  EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("febf::1")->is_link_local());
  EXPECT_FALSE(IpAddress::parse("fec0::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("224.0.0.18")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("2001:db8::1")->is_multicast());
}

TEST(IpPrefix, WithoutALengthIsAHostPrefix) {
  EXPECT_EQ(IpPrefix::parse("192.0.2.1")->length, 32);
  EXPECT_EQ(IpPrefix::parse("2001:db8::1")->length, 128);
  EXPECT_EQ(IpPrefix::parse("192.0.2.1/24")->to_string(), "192.0.2.1/24");
}

TEST(IpPrefix, ContainsTheAddressesOfItsNetwork) {
  const auto in = [](const char* address, const char* network) {
    return IpPrefix::parse(network)->contains(*IpAddress::parse(address));
  };
  EXPECT_TRUE(in("192.0.2.255", "192.0.2.1/24"));
  EXPECT_FALSE(in("192.0.3.1", "192.0.2.1/24"));
  EXPECT_TRUE(in("192.0.2.129", "192.0.2.200/25"));
  EXPECT_FALSE(in("192.0.2.127", "192.0.2.200/25"));
  EXPECT_TRUE(in("2001:db8:1::9", "2001:db8:1::/48"));
  EXPECT_FALSE(in("2001:db8:2::9", "2001:db8:1::/48"));
  EXPECT_FALSE(in("192.0.2.1", "2001:db8::/32"));
  EXPECT_FALSE(in("192.0.2.1", "0.0.0.0/0"));
}

TEST(IpPrefix, RefusesBadLengths) {
  for (const char* text :
       {"192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "2001:db8::/129", "192.0.2.1/2x"})
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
}

TEST(VirtualMac, FollowsRfc9568) {
  EXPECT_EQ(virtual_mac(Family::ipv4, 51).to_string(), "00:00:5e:00:01:33");
  EXPECT_EQ(virtual_mac(Family::ipv6, 255).to_string(), "00:00:5e:00:02:ff");
}

}  // namespace
}  // namespace tandem
