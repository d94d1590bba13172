// SPDX-License-Identifier: Apache-2.0
// Each reason for which parse_advert() drops, the order in which it judges, and what it forgives.
#include <gtest/gtest.h>

#include <initializer_list>
#include <set>

#include "packets.hpp"

namespace tandem::wire {
namespace {

using namespace testing;

using Bytes = std::initializer_list<std::uint8_t>;

constexpr std::size_t kMessageAt = 20;  // in an IPv4 packet without options

Packet v3() {
  return packet_of(advert_v3());
}
Packet v2() {
  return packet_of(advert_v2());
}
Packet v6() {
  return packet_of(advert_v3(Family::ipv6));
}

void expect_drop(AdvertDrop reason, const Packet& packet) {
  const auto received = parse_exactly(packet);
  ASSERT_FALSE(received);
  EXPECT_STREQ(to_string(received.error()), to_string(reason));
}

// An IPv4 packet with one byte of the header replaced and the header's checksum right again.
Packet with_header_byte(std::size_t at, std::uint8_t value) {
  Packet packet = v3();
  packet[at] = value;
  seal_ipv4_header(packet);
  return packet;
}

// A valid message, message-only checksum, with one byte replaced and the checksum right again.
Packet with_message_byte(const Advert& advert, std::size_t at, std::uint8_t value) {
  const IpAddress source = router_of(Family::ipv4);
  const IpAddress group = vrrp_group(Family::ipv4);
  Packet message = message_of(advert, source, group);
  message[at] = value;
  seal_message(message);
  return in_ip(message, source, group);
}

TEST(AdvertDropped, NothingWhenValid) {
  EXPECT_TRUE(parse_exactly(v3()));
  EXPECT_TRUE(parse_exactly(v2()));
  EXPECT_TRUE(parse_exactly(v6()));
  EXPECT_TRUE(parse_exactly(with_header_byte(8, 255)));
  EXPECT_TRUE(parse_exactly(with_message_byte(advert_v3(), 2, 0)));
}

TEST(AdvertDropped, TruncatedAtEveryLength) {
  for (const auto& packet : {v3(), v2(), v6()})
    for (std::size_t length = 0; length < packet.size(); ++length) {
      SCOPED_TRACE(length);
      expect_drop(AdvertDrop::truncated, Packet(packet.begin(), packet.begin() + length));
    }
}

TEST(AdvertDropped, TruncatedWhenTheIpLengthEndsWithinTheMessage) {
  for (const Advert& advert : {advert_v3(), advert_v2(), advert_v3(Family::ipv6)}) {
    const IpAddress source = router_of(advert.family);
    const IpAddress group = vrrp_group(advert.family);
    const Packet message = message_of(advert, source, group);
    for (std::size_t length = 0; length < message.size(); ++length) {
      SCOPED_TRACE(length);
      Packet packet = in_ip(Packet(message.begin(), message.begin() + length), source, group);
      packet.resize(packet.size() + 64);  // padding does not stand in for the message
      expect_drop(AdvertDrop::truncated, packet);
    }
  }
}

TEST(AdvertDropped, TruncatedWhenTheIpLengthIsBelowTheHeader) {
  Packet packet = v3();
  store_be16(&packet[2], 19);
  expect_drop(AdvertDrop::truncated, packet);
}

TEST(AdvertDropped, Ttl) {
  expect_drop(AdvertDrop::ttl, with_header_byte(8, 254));
  Packet packet = v6();
  packet[7] = 254;
  expect_drop(AdvertDrop::ttl, packet);
}

TEST(AdvertDropped, TtlIsJudgedBeforeTheMessage) {
  Packet packet = with_header_byte(8, 1);
  packet[kMessageAt] = 0x72;
  expect_drop(AdvertDrop::ttl, packet);
}

TEST(AdvertDropped, Version) {
  for (const std::uint8_t version : Bytes{0, 1, 4, 15})
    expect_drop(AdvertDrop::version,
                with_message_byte(advert_v3(), 0, static_cast<std::uint8_t>(version << 4 | 1)));
}

TEST(AdvertDropped, VersionTwoOverIpv6) {
  Packet packet = v6();
  packet[40] = 0x21;
  expect_drop(AdvertDrop::version, packet);
}

TEST(AdvertDropped, Type) {
  for (const std::uint8_t type : Bytes{0, 2, 15}) {
    expect_drop(AdvertDrop::type,
                with_message_byte(advert_v3(), 0, static_cast<std::uint8_t>(0x30 | type)));
    expect_drop(AdvertDrop::type,
                with_message_byte(advert_v2(), 0, static_cast<std::uint8_t>(0x20 | type)));
  }
}

TEST(AdvertDropped, CountZero) {
  expect_drop(AdvertDrop::count_zero, with_message_byte(advert_v3(), 3, 0));
  expect_drop(AdvertDrop::count_zero, with_message_byte(advert_v2(), 3, 0));
  Packet packet = v6();
  packet[43] = 0;
  expect_drop(AdvertDrop::count_zero, packet);
}

TEST(AdvertDropped, CountBeyondTheMessage) {
  expect_drop(AdvertDrop::truncated, with_message_byte(advert_v3(), 3, 3));
  expect_drop(AdvertDrop::truncated, with_message_byte(advert_v3(), 3, 255));
}

TEST(AdvertDropped, IntervalZero) {
  Advert advert = advert_v3();
  advert.interval = std::chrono::milliseconds(10);
  expect_drop(AdvertDrop::interval_zero, with_message_byte(advert, 5, 0));
  expect_drop(AdvertDrop::interval_zero, with_message_byte(advert_v2(), 5, 0));
}

TEST(AdvertDropped, IntervalZeroBelowReservedBits) {
  const IpAddress source = router_of(Family::ipv4);
  const IpAddress group = vrrp_group(Family::ipv4);
  Packet message = message_of(advert_v3(), source, group);
  store_be16(&message[4], 0xf000);
  seal_message(message);
  expect_drop(AdvertDrop::interval_zero, in_ip(message, source, group));
}

TEST(AdvertDropped, ChecksumForEveryFlippedBitOfTheMessage) {
  for (const auto& packet : {v3(), v2(), v6()}) {
    const std::size_t message_at = packet[0] >> 4 == 4 ? 20 : 40;
    for (std::size_t bit = message_at * 8; bit < packet.size() * 8; ++bit) {
      Packet flipped = packet;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8);
      const auto received = parse_exactly(flipped);
      EXPECT_FALSE(received) << "bit " << bit;
    }
  }
}

TEST(AdvertDropped, Checksum) {
  for (Packet packet : {v3(), v2(), v6()}) {
    packet.back() ^= 1;
    expect_drop(AdvertDrop::checksum, packet);
  }
}

TEST(AdvertDropped, ChecksumOfAVersion2MessageWithPseudoHeader) {
  Advert advert = advert_v2();
  const IpAddress source = router_of(Family::ipv4);
  const IpAddress group = vrrp_group(Family::ipv4);
  Packet message = message_of(advert, source, group);
  const auto length = static_cast<std::uint32_t>(message.size());
  store_be16(&message[6], 0);
  store_be16(&message[6], td_csum_fold(td_csum_pseudo_header(
                              td_csum_bytes(0, message.data(), length), source.bytes().data(),
                              group.bytes().data(), 4, length, kVrrpProtocol)));
  expect_drop(AdvertDrop::checksum, in_ip(message, source, group));
}

TEST(AdvertDropped, ChecksumOfAnIpv6MessageWithoutPseudoHeader) {
  const IpAddress source = router_of(Family::ipv6);
  const IpAddress group = vrrp_group(Family::ipv6);
  Packet message = message_of(advert_v3(Family::ipv6), source, group);
  seal_message(message);
  expect_drop(AdvertDrop::checksum, in_ip(message, source, group));
}

TEST(AdvertDropped, ChecksumOfTheIpv4Header) {
  Packet packet = v3();
  packet[10] ^= 0x40;
  expect_drop(AdvertDrop::checksum, packet);
}

TEST(AdvertDropped, NotLinkLocal) {
  const IpAddress source = ip("2001:db8::2");
  const IpAddress group = vrrp_group(Family::ipv6);
  expect_drop(AdvertDrop::not_link_local,
              in_ip(message_of(advert_v3(Family::ipv6), source, group), source, group));
}

TEST(AdvertDropped, ButNotForAGlobalSourceBetweenUnicastPeers) {
  const IpAddress source = ip("2001:db8::2"), peer = ip("2001:db8::3");
  EXPECT_TRUE(parse_advert(in_ip(message_of(advert_v3(Family::ipv6), source, peer), source, peer)));
}

TEST(AdvertDropped, Authentication) {
  for (const std::uint8_t type : Bytes{2, 3, 255})
    expect_drop(AdvertDrop::authentication, with_message_byte(advert_v2(), 4, type));
}

TEST(AdvertDropped, NotVrrpByProtocol) {
  expect_drop(AdvertDrop::not_vrrp, with_header_byte(9, 17));
  Packet packet = v6();
  packet[6] = 0;  // hop-by-hop options before VRRP
  expect_drop(AdvertDrop::not_vrrp, packet);
}

TEST(AdvertDropped, NotVrrpByIpVersionOrHeaderLength) {
  for (const std::uint8_t first : Bytes{0x05, 0x55, 0x75, 0xf5, 0x44, 0x40}) {
    Packet packet = v3();
    packet[0] = first;
    expect_drop(AdvertDrop::not_vrrp, packet);
  }
}

TEST(AdvertDropped, NotVrrpAsAFragment) {
  expect_drop(AdvertDrop::not_vrrp, with_header_byte(6, 0x20));  // more fragments
  expect_drop(AdvertDrop::not_vrrp, with_header_byte(6, 0x10));  // offset
  expect_drop(AdvertDrop::not_vrrp, with_header_byte(7, 0x01));
}

TEST(AdvertDropped, NotVrrpByDestination) {
  for (const char* destination : {"255.255.255.255", "0.0.0.0"}) {
    const IpAddress source = router_of(Family::ipv4);
    expect_drop(AdvertDrop::not_vrrp,
                in_ip(message_of(advert_v3(), source, ip(destination)), source, ip(destination)));
  }
  const IpAddress source = router_of(Family::ipv6);
  expect_drop(AdvertDrop::not_vrrp,
              in_ip(message_of(advert_v3(Family::ipv6), source, ip("::")), source, ip("::")));
}

// Whether it is the right one is its virtual router's to say.
TEST(AdvertAccepted, ToAnyGroup) {
  for (const char* destination :
       {"224.0.0.18", "224.0.0.118", "239.1.2.3", "ff02::12", "ff05::13"}) {
    const IpAddress group = ip(destination);
    const IpAddress source = router_of(group.family());
    const auto received =
        parse_exactly(in_ip(message_of(advert_v3(group.family()), source, group), source, group));
    ASSERT_TRUE(received) << destination;
    EXPECT_EQ(received->destination, group);
  }
}

TEST(AdvertAccepted, WithReservedBitsOfVersion3) {
  for (const std::uint8_t reserved : Bytes{0x10, 0x80, 0xf0}) {
    const auto received = parse_exactly(with_message_byte(advert_v3(), 4, reserved));
    ASSERT_TRUE(received);
    EXPECT_EQ(received->advert.interval, std::chrono::seconds(1));
  }
}

TEST(AdvertAccepted, BehindIpv4Options) {
  const IpAddress source = router_of(Family::ipv4);
  const IpAddress group = vrrp_group(Family::ipv4);
  const Packet message = message_of(advert_v3(), source, group);
  for (const std::size_t bytes : {4, 20, 40}) {
    const auto packet = in_ip(message, source, group, Packet(bytes, 1));
    const auto received = parse_exactly(packet);
    ASSERT_TRUE(received) << to_string(received.error());
    EXPECT_EQ(received->advert, advert_v3());
    for (std::size_t length = 0; length < packet.size(); ++length)
      expect_drop(AdvertDrop::truncated, Packet(packet.begin(), packet.begin() + length));
  }
}

TEST(AdvertAccepted, WithLinkLayerPadding) {
  for (const Advert& advert : {advert_v3(), advert_v2(), advert_v3(Family::ipv6)}) {
    Packet packet = packet_of(advert);
    packet.insert(packet.end(), 46, 0xa5);
    const auto received = parse_exactly(packet);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->advert, advert);
  }
}

TEST(AdvertAccepted, WithBytesBehindTheMessageInsideTheIpPacket) {
  const IpAddress source = router_of(Family::ipv4);
  const IpAddress group = vrrp_group(Family::ipv4);
  Packet message = message_of(advert_v3(), source, group);
  message.insert(message.end(), 9, 0xa5);
  const auto received = parse_exactly(in_ip(message, source, group));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->advert, advert_v3());
}

TEST(AdvertAccepted, ToAUnicastPeer) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const IpAddress source = router_of(family);
    const IpAddress peer = family == Family::ipv4 ? ip("192.0.2.3") : ip("fe80::3");
    const Packet message = message_of(advert_v3(family), source, peer);
    const auto received = parse_exactly(in_ip(message, source, peer));
    ASSERT_TRUE(received);
    EXPECT_EQ(received->destination, peer);
    // The pseudo-header has the real destination, not the group.
    expect_drop(AdvertDrop::checksum, in_ip(message, source, vrrp_group(family)));
  }
}

TEST(AdvertAccepted, FromAnyIpv4Source) {
  const IpAddress source = ip("169.254.1.1");
  const IpAddress group = vrrp_group(Family::ipv4);
  EXPECT_TRUE(parse_exactly(in_ip(message_of(advert_v3(), source, group), source, group)));
}

TEST(AdvertDropNames, AreDistinctForEveryReason) {
  std::set<std::string> names;
  for (std::size_t i = 1; i < kAdvertDrops; ++i)
    names.insert(to_string(static_cast<AdvertDrop>(i)));
  EXPECT_EQ(names.size(), kAdvertDrops - 1);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace tandem::wire
