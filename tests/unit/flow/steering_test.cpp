// SPDX-License-Identifier: Apache-2.0
// The steering tables as the daemon writes them, judged by those who read them: the packet core.
#include "flow/steering.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>

#include "core.hpp"
#include "frames.hpp"
#include "tandem/steer.h"

namespace tandem::flow {
namespace {

using frames::ip;
using std::chrono::milliseconds;

constexpr std::uint32_t kLink = 3;
const MonotonicTime kNow = from_ns(1'000'000'000'000);

IpAddress nth_v4(unsigned n) {
  return IpAddress::v4(std::array<std::uint8_t, 4>{198, 51, static_cast<std::uint8_t>(n >> 8),
                                                   static_cast<std::uint8_t>(n)});
}
IpAddress nth_v6(unsigned n) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  store_be16(&bytes[14], static_cast<std::uint16_t>(n));
  return IpAddress::v6(bytes);
}

class SteeringTest : public testing::Test {
 protected:
  static SteeredRouter router(std::uint16_t slot, std::vector<IpAddress> addresses) {
    return {.slot = slot,
            .ifindex = kLink,
            .family = addresses.empty() ? Family::ipv4 : addresses[0].family(),
            .vrid = static_cast<std::uint8_t>(slot + 1),
            .interface_mac = frames::kNodeMac,
            .addresses = std::move(addresses)};
  }

  td_reason verdict(const frames::Bytes& frame, MonotonicTime now = kNow) const {
    return core::steer(memory_, frame, kLink, to_ns(now)).reason;
  }
  td_reason tcp_to(const IpAddress& address, std::uint16_t port = 80,
                   MonotonicTime now = kNow) const {
    const frames::Bytes segment = frames::tcp(port);
    return verdict(
        address.is_v4() ? frames::ipv4({address}, segment) : frames::ipv6({address}, segment), now);
  }

  std::unique_ptr<td_tables> tables_ = std::make_unique<td_tables>();
  core::Memory memory_{*tables_};
  Steering steering_{*tables_};
};

TEST_F(SteeringTest, GatesNothingBeforeItIsPublished) {
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_PASS_OTHER);
  EXPECT_EQ(tcp_to(ip("0.0.0.0")), TD_PASS_OTHER);
  EXPECT_EQ(tcp_to(ip("::")), TD_PASS_OTHER);
}

TEST_F(SteeringTest, AnAddressIsGatedFromTheMomentItIsPublished) {
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {ip("192.0.2.100"), ip("192.0.2.101")}),
                                            router(1, {ip("2001:db8::100")})},
                                {}));
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_DROP_NO_LEASE);
  EXPECT_EQ(tcp_to(ip("192.0.2.101")), TD_DROP_NO_LEASE);
  EXPECT_EQ(tcp_to(ip("2001:db8::100")), TD_DROP_NO_LEASE);
  EXPECT_EQ(tcp_to(ip("192.0.2.102")), TD_PASS_OTHER);
}

TEST_F(SteeringTest, ALeaseIsOfOneRouterAndEndsByRevocation) {
  ASSERT_TRUE(steering_.publish(
      std::vector{router(0, {ip("192.0.2.100")}), router(1, {ip("192.0.2.101")})}, {}));
  steering_.grant_lease(0, kNow + milliseconds(100));
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_PASS_ACCEPTED);
  EXPECT_EQ(tcp_to(ip("192.0.2.101")), TD_DROP_NO_LEASE);
  steering_.revoke_lease(0, MonotonicClock::now());
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_DROP_NO_LEASE);
}

TEST_F(SteeringTest, ALeaseEndsAtItsDeadline) {
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {ip("192.0.2.100")})}, {}));
  const MonotonicTime end = kNow + milliseconds(100);
  steering_.grant_lease(0, end);
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 80, end - Duration(1)), TD_PASS_ACCEPTED);
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 80, end), TD_DROP_NO_LEASE);
  steering_.grant_lease(0, end + milliseconds(10));
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 80, end), TD_PASS_ACCEPTED);
}

TEST_F(SteeringTest, PublishingAgainKeepsLeasesAndSlots) {
  const auto a = router(0, {ip("192.0.2.100")}), b = router(1, {ip("192.0.2.101")});
  ASSERT_TRUE(steering_.publish(std::vector{a, b}, {}));
  steering_.grant_lease(0, kNow + milliseconds(100));
  steering_.grant_lease(1, kNow + milliseconds(100));
  const auto slot_of = [&](const IpAddress& address) {
    const auto* begin = tables_->vip;
    return std::find_if(begin, begin + TD_MAX_VIPS,
                        [&](const td_vip& v) {
                          return v.family == 4 && std::equal(address.bytes().begin(),
                                                             address.bytes().end(), v.address);
                        }) -
           begin;
  };
  const auto slot = slot_of(ip("192.0.2.101"));
  ASSERT_TRUE(steering_.publish(std::vector{b, router(2, {ip("192.0.2.90")})}, {}));
  EXPECT_EQ(slot_of(ip("192.0.2.101")), slot);
  EXPECT_EQ(tcp_to(ip("192.0.2.101")), TD_PASS_ACCEPTED);
  EXPECT_EQ(tcp_to(ip("192.0.2.90")), TD_DROP_NO_LEASE);
}

TEST_F(SteeringTest, WhatIsRemovedIsGatedNoMoreAndComesBackWithoutALease) {
  const auto a = router(0, {ip("192.0.2.100")}), b = router(1, {ip("192.0.2.101")});
  ASSERT_TRUE(steering_.publish(std::vector{a, b}, {}));
  steering_.grant_lease(0, kNow + milliseconds(100));
  ASSERT_TRUE(steering_.publish(std::vector{b}, {}));
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_PASS_OTHER);
  ASSERT_TRUE(steering_.publish(std::vector{a, b}, {}));
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_DROP_NO_LEASE);
}

TEST_F(SteeringTest, AnAddressMovesToAnotherRouter) {
  const IpAddress moving = ip("192.0.2.100");
  ASSERT_TRUE(
      steering_.publish(std::vector{router(0, {moving}), router(1, {ip("192.0.2.101")})}, {}));
  steering_.grant_lease(1, kNow + milliseconds(100));
  EXPECT_EQ(tcp_to(moving), TD_DROP_NO_LEASE);
  ASSERT_TRUE(
      steering_.publish(std::vector{router(0, {}), router(1, {ip("192.0.2.101"), moving})}, {}));
  EXPECT_EQ(tcp_to(moving), TD_PASS_ACCEPTED);
}

// Where the next process begins. What a backend answers is not the kernel's meanwhile: it would forward it
// as it is.
TEST_F(SteeringTest, CloseAllShutsGatesAndKnowsAnswersStill) {
  const IpAddress address = ip("192.0.2.100");
  const std::vector services{
      SteeredService{.address = address, .port = 80, .number = 1, .mode = TD_MODE_NAT}};
  const SteeredReplies replies{.backends = {{ip("198.51.100.21"), false, 8080, 1}}, .sources = {}};
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {address})}, services, replies));
  steering_.grant_lease(0, kNow + milliseconds(100));
  const auto flags = tables_->flags;
  ASSERT_NE(flags & TD_HAS_NAT, 0U);
  steering_.close_all();
  EXPECT_EQ(tcp_to(address), TD_DROP_NO_LEASE);
  EXPECT_EQ(tables_->flags, flags);
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {address})}, {}));
  EXPECT_EQ(tcp_to(address), TD_DROP_NO_LEASE);
}

TEST_F(SteeringTest, ServicesFollowWhatIsPublished) {
  auto strict = router(0, {ip("192.0.2.100")});
  strict.accept = false;
  const SteeredService web{ip("192.0.2.100"), false, 80}, dns{ip("192.0.2.100"), true, 53};
  ASSERT_TRUE(steering_.publish(std::vector{strict}, std::vector{web}));
  steering_.grant_lease(0, kNow + milliseconds(100));
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 80), TD_PASS_LOCAL);
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 53), TD_DROP_NOT_ACCEPTED);
  ASSERT_TRUE(steering_.publish(std::vector{strict}, std::vector{dns}));
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 80), TD_DROP_NOT_ACCEPTED);
  EXPECT_EQ(verdict(frames::ipv4({ip("192.0.2.100"), 17}, frames::udp(53))), TD_PASS_LOCAL);
}

TEST_F(SteeringTest, AServiceSaidManyTimesIsOne) {
  const std::vector<SteeredService> services(6, {ip("192.0.2.100"), false, 80});
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {ip("192.0.2.100")})}, services));
  steering_.grant_lease(0, kNow + milliseconds(100));
  EXPECT_EQ(tcp_to(ip("192.0.2.100"), 80), TD_PASS_LOCAL);
}

TEST_F(SteeringTest, AServiceOfAnAddressThatNoRouterHasIsLeftOut) {
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {ip("192.0.2.100")})},
                                std::vector<SteeredService>{{ip("192.0.2.200"), false, 80}}));
  EXPECT_EQ(tcp_to(ip("192.0.2.200"), 80), TD_PASS_OTHER);
}

// ---- Limits

// All that fits: 255 VRIDs on each family with virtual MACs, 1,024 addresses, a service on each.
struct Full {
  std::vector<SteeredRouter> routers;
  std::vector<SteeredService> services;
};

Full full_node(IpAddress (*v4)(unsigned), IpAddress (*v6)(unsigned)) {
  Full full;
  for (unsigned i = 0; i < 510; i++)
    full.routers.push_back({.slot = static_cast<std::uint16_t>(i),
                            .ifindex = kLink,
                            .family = i < 255 ? Family::ipv4 : Family::ipv6,
                            .vrid = static_cast<std::uint8_t>(i % 255 + 1),
                            .virtual_mac = true,
                            .interface_mac = frames::kNodeMac,
                            .addresses = {}});
  for (unsigned i = 0; i < TD_MAX_VIPS; i++) {
    const unsigned r = i % 510;
    const IpAddress address = r < 255 ? v4(i) : v6(i);
    full.routers[r].addresses.push_back(address);
    full.services.push_back({address, false, static_cast<std::uint16_t>(8000 + i % 7)});
  }
  return full;
}

// Nothing in common between neighbours.
std::uint64_t scattered(unsigned n) {
  return (n + 1) * 0xd1342543de82ef95ull;
}
IpAddress scattered_v4(unsigned n) {
  std::array<std::uint8_t, 4> bytes;
  store_be32(bytes.data(), static_cast<std::uint32_t>(scattered(n) >> 32));
  return IpAddress::v4(bytes);
}
IpAddress scattered_v6(unsigned n) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  store_be32(&bytes[8], static_cast<std::uint32_t>(scattered(n)));
  store_be32(&bytes[12], static_cast<std::uint32_t>(scattered(n) >> 32));
  return IpAddress::v6(bytes);
}

TEST_F(SteeringTest, HoldsAsMuchAsTheAbiSays) {
  for (const auto& full : {full_node(nth_v4, nth_v6), full_node(scattered_v4, scattered_v6)}) {
    ASSERT_TRUE(steering_.publish({}, {}));  // room for others
    ASSERT_TRUE(steering_.publish(full.routers, full.services));
    for (const auto& r : full.routers) steering_.grant_lease(r.slot, kNow + milliseconds(100));
    for (const auto& s : full.services) {
      EXPECT_EQ(tcp_to(s.address, s.port), TD_PASS_LOCAL) << s.address.to_string();
      EXPECT_EQ(tcp_to(s.address, 80), TD_PASS_ACCEPTED) << s.address.to_string();
    }
    for (const auto& r : full.routers)
      EXPECT_EQ(verdict(frames::ipv4({ip("203.0.113.1")}, frames::tcp(80),
                                     {.to = virtual_mac(r.family, r.vrid)})),
                TD_PASS_ROUTED)
          << r.slot;
  }
}

TEST_F(SteeringTest, RefusesWhatIsAboveTheLimitsAndStaysAsItWas) {
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {ip("192.0.2.100")})}, {}));
  std::vector<IpAddress> many;
  for (unsigned i = 0; i < TD_MAX_VIPS; i++) many.push_back(nth_v4(i));
  const auto too_many = steering_.publish(std::vector{router(1, many)}, {});
  ASSERT_FALSE(too_many);
  EXPECT_NE(too_many.error().message.find("1025"), std::string::npos) << too_many.error().message;

  const std::vector<SteeredService> services(TD_MAX_SERVICES + 1, {ip("192.0.2.100"), false, 80});
  EXPECT_FALSE(steering_.publish(std::vector{router(0, {ip("192.0.2.100")})}, services));
  EXPECT_FALSE(steering_.publish(std::vector{router(TD_MAX_VROUTERS, {ip("192.0.2.100")})}, {}));
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_DROP_NO_LEASE);
  EXPECT_EQ(tcp_to(nth_v4(0)), TD_PASS_OTHER);
}

TEST_F(SteeringTest, RefusesTwoRoutersWithOneVirtualMac) {
  auto a = router(0, {ip("192.0.2.100")}), b = router(1, {ip("192.0.2.101")});
  a.virtual_mac = b.virtual_mac = true;
  b.vrid = a.vrid;
  EXPECT_FALSE(steering_.publish(std::vector{a, b}, {}));
  EXPECT_EQ(tcp_to(ip("192.0.2.100")), TD_PASS_OTHER);
}

// Folded to 32 bits, two IPv6 addresses may become one tag; a table with both finds only the first.
TEST_F(SteeringTest, NeverHidesOneAddressBehindAnother) {
  constexpr std::uint64_t kBadSeed = 1183;
  std::vector<IpAddress> addresses;
  std::set<std::uint32_t> tags;
  for (unsigned i = 0; i < TD_MAX_VIPS; i++) {
    addresses.push_back(nth_v6(i));
    tags.insert(td_tag_vip(kBadSeed, 6, addresses.back().bytes().data()));
  }
  ASSERT_LT(tags.size(), addresses.size()) << "find another seed";

  std::uint64_t next = kBadSeed;
  Steering steering(*tables_, [&] { return next++; });
  ASSERT_TRUE(steering.publish(std::vector{router(0, addresses)}, {}));
  for (const auto& a : addresses) EXPECT_EQ(tcp_to(a), TD_DROP_NO_LEASE) << a.to_string();
}

// ---- A reader that does not wait

TEST_F(SteeringTest, AReaderNeverFindsAGatedAddressUngated) {
  const IpAddress stays4 = ip("192.0.2.100"), stays6 = ip("2001:db8::100");
  ASSERT_TRUE(steering_.publish(std::vector{router(0, {stays4}), router(1, {stays6})}, {}));
  std::atomic<bool> stop = false;
  std::atomic<unsigned> judged = 0, escaped = 0;
  std::thread reader([&] {
    while (!stop) {
      if (tcp_to(stays4) != TD_DROP_NO_LEASE) escaped++;
      if (tcp_to(stays6) != TD_DROP_NO_LEASE) escaped++;
      judged++;
    }
  });
  for (unsigned round = 0; round < 10000; round++) {
    std::vector<IpAddress> others;
    for (unsigned i = 0; i < round % 50; i++) others.push_back(nth_v4(round * 7 % 500 + i));
    const std::vector<SteeredRouter> routers{router(0, {stays4}), router(1, {stays6}),
                                             router(2, others)};
    if (!steering_.publish(routers, {})) ADD_FAILURE() << "not published";
  }
  while (judged < 100) std::this_thread::yield();
  stop = true;
  reader.join();
  EXPECT_EQ(escaped, 0u) << "of " << judged;
}

}  // namespace
}  // namespace tandem::flow
