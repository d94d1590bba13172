// SPDX-License-Identifier: Apache-2.0
// What is emitted parses to an equal value, over random adverts and at the format's limits.
#include <gtest/gtest.h>

#include <random>

#include "packets.hpp"

namespace tandem::wire {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Adverts and addresses drawn from the whole range of the format, the same ones in every run.
class Source {
 public:
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  IpAddress address(Family family) {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& b : bytes) b = static_cast<std::uint8_t>(between(0, 255));
    return family == Family::ipv4 ? IpAddress::v4(std::span(bytes).first<4>())
                                  : IpAddress::v6(bytes);
  }

  IpAddress router(Family family) {
    if (family == Family::ipv4) return address(family);
    auto bytes = address(family);
    std::array<std::uint8_t, 16> local{0xfe, 0x80};
    std::ranges::copy(bytes.bytes().last(8), local.begin() + 8);
    return IpAddress::v6(local);
  }

  Advert advert() {
    Advert advert;
    advert.version = static_cast<std::uint8_t>(between(2, 3));
    advert.family = advert.version == 3 && between(0, 1) == 1 ? Family::ipv6 : Family::ipv4;
    advert.vrid = static_cast<std::uint8_t>(between(1, 255));
    advert.priority = static_cast<std::uint8_t>(between(0, 255));
    advert.interval = advert.version == 2 ? Duration(seconds(between(1, 255)))
                                          : Duration(milliseconds(10 * between(1, 4095)));
    for (int left = between(1, 255); left > 0; --left)
      advert.addresses.push_back(address(advert.family));
    const bool message_only =
        advert.version == 2 || (advert.family == Family::ipv4 && between(0, 1) == 1);
    advert.checksum = message_only ? ChecksumForm::message : ChecksumForm::pseudo_header;
    if (advert.version == 2 && between(0, 1) == 1)
      for (auto& c : advert.password.emplace()) c = static_cast<char>(between(0, 127));
    return advert;
  }

 private:
  std::mt19937 random_{20240430};
};

TEST(RoundTrip, RandomAdvertsComeBackEqual) {
  Source random;
  for (int i = 0; i < 2000; ++i) {
    const Advert advert = random.advert();
    const IpAddress source = random.router(advert.family);
    const IpAddress group = vrrp_group(advert.family);
    const Packet message = message_of(advert, source, group);
    ASSERT_FALSE(message.empty());
    const auto received = parse_exactly(in_ip(message, source, group));
    ASSERT_TRUE(received) << to_string(received.error()) << " in advert " << i;
    EXPECT_EQ(received->advert, advert);
    EXPECT_EQ(received->source, source);
    EXPECT_EQ(received->destination, group);
  }
}

Advert with_255_addresses(Advert advert) {
  Source random;
  advert.addresses.clear();
  while (advert.addresses.size() < 255) advert.addresses.push_back(random.address(advert.family));
  return advert;
}

TEST(RoundTrip, HoldsFor255Addresses) {
  for (const Advert& small : {advert_v3(), advert_v2(), advert_v3(Family::ipv6)}) {
    const Advert advert = with_255_addresses(small);
    const Packet packet = packet_of(advert);
    const auto received = parse_exactly(packet);
    ASSERT_TRUE(received) << to_string(received.error());
    EXPECT_EQ(received->advert, advert);
    EXPECT_FALSE(parse_exactly(std::span(packet).first(packet.size() - 1)));
  }
}

TEST(RoundTrip, HoldsForTheLimitsOfTheInterval) {
  for (const Duration interval : {Duration(milliseconds(10)), Duration(milliseconds(40950))}) {
    Advert advert = advert_v3();
    advert.interval = interval;
    EXPECT_EQ(parse_exactly(packet_of(advert)).value().advert.interval, interval);
  }
  for (const Duration interval : {Duration(seconds(1)), Duration(seconds(255))}) {
    Advert advert = advert_v2();
    advert.interval = interval;
    EXPECT_EQ(parse_exactly(packet_of(advert)).value().advert.interval, interval);
  }
}

TEST(Emit, SendsReservedBitsAndAbsentAuthenticationAsZero) {
  Packet out(64, 0xff);
  const IpAddress source = router_of(Family::ipv4);
  const IpAddress group = vrrp_group(Family::ipv4);
  ASSERT_EQ(emit_advert(advert_v3(), source, group, out), 16U);
  EXPECT_EQ(out[4] & 0xf0, 0);
  out.assign(64, 0xff);
  ASSERT_EQ(emit_advert(advert_v2(), source, group, out), 24U);
  EXPECT_EQ(out[4], 0);
  EXPECT_EQ(to_hex(std::span(out).subspan(16, 8)), "0000000000000000");
}

TEST(Emit, WritesNothingWhereTheMessageDoesNotFit) {
  for (const Advert& advert : {advert_v3(), advert_v2(), advert_v3(Family::ipv6)}) {
    const IpAddress source = router_of(advert.family);
    const IpAddress group = vrrp_group(advert.family);
    const std::size_t length = message_of(advert, source, group).size();
    for (std::size_t room = 0; room < length; ++room) {
      Packet out(room);
      EXPECT_EQ(emit_advert(advert, source, group, out), 0U);
    }
    Packet out(length);
    EXPECT_EQ(emit_advert(advert, source, group, out), length);
  }
}

// Whether emit_advert() takes the advert after `change`.
template <class Change>
bool emits(Advert advert, Change change) {
  change(advert);
  return !message_of(advert, router_of(advert.family), vrrp_group(advert.family)).empty();
}

TEST(Emit, RefusesWhatReceiversWouldDrop) {
  EXPECT_TRUE(emits(advert_v3(), [](Advert&) {}));
  EXPECT_FALSE(emits(advert_v3(), [](Advert& a) { a.addresses.clear(); }));
  EXPECT_FALSE(emits(advert_v3(), [](Advert& a) { a.addresses.push_back(ip("fe80::1")); }));
  EXPECT_FALSE(emits(advert_v3(), [](Advert& a) { a.version = 4; }));
  EXPECT_FALSE(emits(advert_v3(Family::ipv6), [](Advert& a) { a.version = 2; }));
}

TEST(Emit, RefusesIntervalsThatTheVersionCannotCarry) {
  for (const Duration bad : {Duration(0), Duration(-seconds(1)), Duration(milliseconds(5)),
                             Duration(milliseconds(15)), Duration(milliseconds(40960))})
    EXPECT_FALSE(emits(advert_v3(), [&](Advert& a) { a.interval = bad; })) << bad.count();
  for (const Duration bad : {Duration(0), Duration(milliseconds(1500)), Duration(milliseconds(10)),
                             Duration(seconds(256))})
    EXPECT_FALSE(emits(advert_v2(), [&](Advert& a) { a.interval = bad; })) << bad.count();
}

TEST(Emit, RefusesEndpointsOfTheOtherFamily) {
  const Advert advert = advert_v3();
  EXPECT_TRUE(message_of(advert, ip("fe80::2"), vrrp_group(Family::ipv4)).empty());
  EXPECT_TRUE(message_of(advert, ip("192.0.2.2"), vrrp_group(Family::ipv6)).empty());
}

}  // namespace
}  // namespace tandem::wire
