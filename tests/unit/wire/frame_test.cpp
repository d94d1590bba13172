// SPDX-License-Identifier: Apache-2.0
// Whole frames, byte by byte. scapy_test.py compares more of them with another implementation.
#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include "packets.hpp"

namespace tandem::wire {
namespace {

using namespace testing;

const MacAddress kNode{{0x02, 0, 0, 0, 0, 0x0a}};
const MacAddress kVirtual = virtual_mac(Family::ipv4, 51);

using Frame = std::array<std::uint8_t, kMaxFrame>;

Packet advert_frame(const Advert& advert, const VlanTags& vlan) {
  Frame out;
  out.fill(0xff);  // what is not written would be seen
  const IpAddress group = vrrp_group(advert.family);
  const std::size_t length = emit_advert_frame(advert, {kNode, vlan}, multicast_mac(group),
                                               router_of(advert.family), group, out);
  return {out.begin(), out.begin() + length};
}

TEST(MulticastMac, FollowsTheGroup) {
  EXPECT_EQ(multicast_mac(vrrp_group(Family::ipv4)).to_string(), "01:00:5e:00:00:12");
  EXPECT_EQ(multicast_mac(vrrp_group(Family::ipv6)).to_string(), "33:33:00:00:00:12");
  EXPECT_EQ(multicast_mac(ip("239.255.1.2")).to_string(), "01:00:5e:7f:01:02");
  EXPECT_EQ(multicast_mac(ip("ff02::1:ff12:3456")).to_string(), "33:33:ff:12:34:56");
}

TEST(AdvertFrame, Ipv4) {
  EXPECT_EQ(to_hex(advert_frame(advert_v3(), {})),
            "01005e000012"
            "02000000000a"
            "0800"
            "45c0002400004000ff70d894"
            "c0000202"
            "e0000012"
            "3133960200641106"
            "c0000264"
            "c0000265");
}

TEST(AdvertFrame, CarriesTheMessageBehindEveryKindOfTag) {
  for (const Advert& advert : {advert_v3(), advert_v2(), advert_v3(Family::ipv6)})
    for (const VlanTags& vlan :
         {VlanTags{}, VlanTags{100, 0}, VlanTags{0, 100}, VlanTags{7, 100}}) {
      const std::size_t tags = (vlan[0] != 0) + (vlan[1] != 0);
      const Packet frame = advert_frame(advert, vlan);
      ASSERT_GT(frame.size(), 14 + 4 * tags);
      const auto received = parse_exactly(std::span(frame).subspan(14 + 4 * tags));
      ASSERT_TRUE(received) << to_string(received.error());
      EXPECT_EQ(received->advert, advert);
      EXPECT_EQ(received->source, router_of(advert.family));
    }
}

// What is between the MAC addresses and the IP header of a version 3 advert.
std::string tags_of(const VlanTags& vlan, std::size_t bytes) {
  const Packet frame = advert_frame(advert_v3(), vlan);
  return to_hex(std::span(frame).subspan(12, bytes));
}

TEST(AdvertFrame, TagsAreOuterServiceInnerCustomer) {
  EXPECT_EQ(tags_of({}, 2), "0800");
  EXPECT_EQ(tags_of({100, 0}, 6), "810000640800");
  EXPECT_EQ(tags_of({0, 100}, 6), "810000640800");
  EXPECT_EQ(tags_of({7, 4094}, 10), "88a8000781000ffe0800");
}

TEST(AdvertFrame, LargestFits) {
  Advert advert = advert_v3(Family::ipv6);
  while (advert.addresses.size() < 255) advert.addresses.push_back(ip("2001:db8::1"));
  EXPECT_EQ(advert_frame(advert, {7, 100}).size(), 14U + 8 + 40 + 8 + 255 * 16);
}

TEST(AdvertFrame, IsNotWrittenWhereItDoesNotFit) {
  const IpAddress group = vrrp_group(Family::ipv4);
  const std::size_t length = advert_frame(advert_v3(), {7, 100}).size();
  for (std::size_t room = 0; room <= length; ++room) {
    Packet out(room);
    EXPECT_EQ(emit_advert_frame(advert_v3(), {kNode, {7, 100}}, multicast_mac(group),
                                router_of(Family::ipv4), group, out),
              room == length ? length : 0U);
  }
}

TEST(GarpFrame, IsARequestWithTheAddressInBothFields) {
  Frame out;
  out.fill(0xff);
  const std::size_t length = emit_garp_frame({kNode, {}}, kVirtual, ip("192.0.2.100"), out);
  EXPECT_EQ(to_hex(std::span(out).first(length)),
            "ffffffffffff"
            "02000000000a"
            "0806"
            "0001080006040001"
            "00005e000133"
            "c0000264"
            "000000000000"
            "c0000264");
}

TEST(NaFrame, HasRouterAndOverrideAndTheLinkLayerAddress) {
  Frame out;
  out.fill(0xff);
  const std::size_t length =
      emit_na_frame({kNode, {}}, virtual_mac(Family::ipv6, 51), ip("2001:db8::100"), out);
  EXPECT_EQ(to_hex(std::span(out).first(length)),
            "333300000001"
            "02000000000a"
            "86dd"
            "6c00000000203aff"
            "20010db8000000000000000000000100"
            "ff020000000000000000000000000001"
            "880018faa0000000"
            "20010db8000000000000000000000100"
            "020100005e000233");
}

TEST(AnnouncementFrames, AreNotWrittenWhereTheyDoNotFit) {
  for (std::size_t room = 0; room <= 90; ++room) {
    Packet out(room);
    EXPECT_EQ(emit_garp_frame({kNode, {7, 0}}, kNode, ip("192.0.2.100"), out),
              room < 46 ? 0U : 46U);
    EXPECT_EQ(emit_na_frame({kNode, {7, 0}}, kNode, ip("2001:db8::100"), out),
              room < 90 ? 0U : 90U);
  }
}

TEST(AnnouncementFrames, RefuseTheOtherFamilyAndBadTags) {
  Frame out;
  EXPECT_EQ(emit_garp_frame({kNode, {}}, kNode, ip("2001:db8::100"), out), 0U);
  EXPECT_EQ(emit_na_frame({kNode, {}}, kNode, ip("192.0.2.100"), out), 0U);
  EXPECT_EQ(emit_garp_frame({kNode, {4095, 0}}, kNode, ip("192.0.2.100"), out), 0U);
  EXPECT_EQ(emit_na_frame({kNode, {7, 4095}}, kNode, ip("2001:db8::100"), out), 0U);
}

}  // namespace
}  // namespace tandem::wire
