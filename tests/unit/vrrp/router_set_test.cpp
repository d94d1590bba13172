// SPDX-License-Identifier: Apache-2.0
// Many virtual routers together: the index, deadlines, sync groups at reload, and memory.
#include "vrrp/router_set.hpp"

#include <gtest/gtest.h>

#include "allocations.hpp"
#include "rig.hpp"

namespace tandem::vrrp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Settings numbered(int number, Family family = Family::ipv4) {
  Settings s = plain_settings();
  s.vrid = static_cast<std::uint8_t>(number);
  s.family = family;
  s.advert_interval = milliseconds(100);
  s.addresses = {address(family == Family::ipv4 ? "192.0.2.100" : "fe80::100")};
  return s;
}

// 255 virtual routers on each family.
void add_all(Rig& rig, const std::string& group = {}) {
  RouterId id = 0;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (int vrid = 1; vrid <= 255; ++vrid) {
      Settings s = numbered(vrid, family);
      s.sync_group = group;
      rig.set.add(id++, kInterface, s, address(family == Family::ipv4 ? "192.0.2.2" : "fe80::2"),
                  true, rig.now, rig.out);
    }
  }
}

TEST(RouterSet, FindsTheVirtualRouterAnAdvertIsFor) {
  Rig rig(plain_settings());
  rig.set.add(4, 1, numbered(9), address("192.0.2.2"), true, rig.now, rig.out);
  rig.set.add(7, 2, numbered(9), address("192.0.2.2"), true, rig.now, rig.out);
  rig.settings = numbered(9);
  const wire::ReceivedAdvert advert = rig.advert(150);
  EXPECT_EQ(rig.set.on_advert(2, advert, rig.now, rig.out), std::nullopt);
  EXPECT_EQ(rig.set.status(4).adverts_received, 0U);
  EXPECT_EQ(rig.set.status(7).adverts_received, 1U);
  EXPECT_EQ(rig.set.on_advert(3, advert, rig.now, rig.out), wire::AdvertDrop::unknown_vrid);
}

TEST(RouterSet, CountsDropsByReason) {
  Rig rig(plain_settings());
  rig.bring_to(State::backup);
  wire::ReceivedAdvert advert = rig.advert(150);
  advert.advert.version = 2;
  EXPECT_EQ(rig.set.on_advert(kInterface, advert, rig.now, rig.out), wire::AdvertDrop::version);
  EXPECT_EQ(rig.set.status(kId).dropped[static_cast<std::size_t>(wire::AdvertDrop::version)], 1U);
  EXPECT_EQ(rig.set.status(kId).adverts_received, 0U);
}

TEST(RouterSet, HundredsBecomeActiveWithoutAFloodOfAnnouncements) {
  for (const char* group : {"", "all"}) {
    Rig rig(plain_settings());
    rig.out.reserve(20000);
    add_all(rig, group);
    int announced = 0;
    const MonotonicTime end = rig.now + seconds(2);
    while (rig.set.next_deadline() <= end) {
      rig.out.clear();
      rig.pass_to_deadline();
      EXPECT_LE(rig.count<Announce>(), 64);
      announced += rig.count<Announce>();
    }
    EXPECT_EQ(announced, 510 * 5);
    for (RouterId id = 0; id < 510; ++id) EXPECT_EQ(rig.set.status(id).state, State::active);
  }
}

TEST(RouterSet, AllocatesNothingOnceItRuns) {
  Rig rig(plain_settings());
  rig.out.reserve(20000);
  add_all(rig);
  rig.settings = numbered(9);
  const wire::ReceivedAdvert lower = rig.advert(50);
  const wire::ReceivedAdvert higher = rig.advert(150);
  const auto some_events = [&] {
    for (int i = 0; i < 2000; ++i) {
      rig.out.clear();
      rig.pass_to_deadline();
      rig.set.on_advert(kInterface, i % 2 == 0 ? lower : higher, rig.now, rig.out);
      rig.set.on_track(1, i % 100 != 0, rig.now, rig.out);
      (void)rig.set.status(9);
    }
  };
  some_events();
  const std::size_t before = balance::allocations();
  some_events();
  EXPECT_EQ(balance::allocations(), before);
}

TEST(RouterSet, EqualSettingsAreNoEvent) {
  Rig rig(plain_settings());
  rig.bring_to(State::active);
  rig.set.update(kId, rig.settings, rig.now, rig.out);
  EXPECT_TRUE(rig.out.empty());
}

TEST(RouterSet, RemovingTheFaultyMemberFreesItsGroup) {
  Rig rig(plain_settings());
  Settings sick = numbered(1);
  Settings well = numbered(2);
  sick.sync_group = well.sync_group = "G";
  well.tracked.clear();
  rig.set.add(0, kInterface, sick, address("192.0.2.2"), true, rig.now, rig.out);
  rig.set.add(1, kInterface, well, address("192.0.2.2"), true, rig.now, rig.out);
  rig.set.on_track(1, false, rig.now, rig.out);
  EXPECT_EQ(rig.set.status(1).state, State::fault);
  EXPECT_EQ(rig.set.status(1).cause, Cause::sync_group);
  rig.set.remove(0, rig.now, rig.out);
  EXPECT_EQ(rig.set.status(1).state, State::backup);
  EXPECT_EQ(rig.set.status(0).state, State::initialize);
}

TEST(RouterSet, ANewMemberJoinsAnActiveGroup) {
  Rig rig(plain_settings());
  Settings first = numbered(1);
  Settings second = numbered(2);
  first.sync_group = second.sync_group = "G";
  rig.set.add(0, kInterface, first, address("192.0.2.2"), true, rig.now, rig.out);
  while (rig.set.status(0).state != State::active) rig.pass_to_deadline();
  rig.set.add(1, kInterface, second, address("192.0.2.2"), true, rig.now, rig.out);
  EXPECT_EQ(rig.set.status(1).state, State::active);
  // Leaving the group at reload moves nothing.
  second.sync_group.clear();
  rig.out.clear();
  rig.set.update(1, second, rig.now, rig.out);
  EXPECT_EQ(rig.set.status(1).state, State::active);
  EXPECT_EQ(rig.count<Transition>(), 0);
}

TEST(RouterSet, AThingThatFailedBeforeItWasTrackedCounts) {
  Rig rig(plain_settings());
  rig.set.on_track(1, false, rig.now, rig.out);
  rig.start();
  EXPECT_EQ(rig.state(), State::fault);
}

TEST(RouterSet, UnicastSourceStandsInForTheInterface) {
  Settings s = plain_settings();
  s.unicast_source = address("192.0.2.77");
  Rig rig(s);
  rig.set.add(kId, kInterface, s, IpAddress(), true, rig.now, rig.out);
  EXPECT_EQ(rig.state(), State::backup);
  EXPECT_EQ(rig.set.on_advert(kInterface, rig.advert(150, "192.0.2.77"), rig.now, rig.out),
            wire::AdvertDrop::own);
}

// An MTU below 1280 takes IPv6 off an interface: its IPv4 routers go on.
TEST(RouterSet, TheFamiliesOfAnInterfaceFailApart) {
  Rig rig(plain_settings());
  rig.set.add(0, kInterface, numbered(1), address("192.0.2.2"), true, rig.now, rig.out);
  rig.set.add(1, kInterface, numbered(1, Family::ipv6), address("fe80::2"), true, rig.now, rig.out);
  const auto both_are = [&rig](State v4, State v6) {
    EXPECT_EQ(rig.set.status(0).state, v4);
    EXPECT_EQ(rig.set.status(1).state, v6);
  };
  const auto pass = [&rig] {
    for (const MonotonicTime end = rig.now + seconds(1); rig.now < end;) rig.pass_to_deadline();
  };
  pass();
  both_are(State::active, State::active);
  rig.set.on_interface(kInterface, true, address("192.0.2.2"), {}, rig.now, rig.out);
  both_are(State::active, State::fault);
  rig.set.on_interface(kInterface, true, {}, address("fe80::2"), rig.now, rig.out);
  both_are(State::fault, State::backup);
  pass();
  both_are(State::fault, State::active);
  rig.set.on_interface(kInterface, true, address("192.0.2.2"), address("fe80::2"), rig.now,
                       rig.out);
  pass();
  both_are(State::active, State::active);
}

TEST(RouterSet, AnActiveAnnouncesAgainWhenItIsToldTo) {
  Rig rig(plain_settings());
  rig.bring_to(State::backup);
  rig.set.announce_again(kId, rig.now, rig.out);
  EXPECT_EQ(rig.count<Announce>(), 0);
  while (rig.state() != State::active) rig.pass_to_deadline();
  const auto settled = rig.now + rig.settings.garp_delay * 2;
  while (rig.set.next_deadline() < settled) rig.pass_to_deadline();
  rig.out.clear();
  rig.set.announce_again(kId, rig.now, rig.out);
  EXPECT_EQ(rig.count<Announce>(), 1) << "one round at once, the others in turn";
}

TEST(RouterSet, WithoutAnythingThereIsNoDeadline) {
  RouterSet set;
  EXPECT_EQ(set.next_deadline(), kNever);
  EXPECT_TRUE(set.idle());
  EXPECT_EQ(set.status(5).state, State::initialize);
}

}  // namespace
}  // namespace tandem::vrrp
