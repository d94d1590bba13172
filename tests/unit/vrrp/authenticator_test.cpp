// SPDX-License-Identifier: Apache-2.0
// Which signed adverts are taken, and that neither clocks that are set nor other keys ever make two
// nodes with the same keys drop each other's.
#include "vrrp/authenticator.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "rig.hpp"
#include "tandem/checksum.h"

namespace tandem::vrrp {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::AdvertDrop;
using wire::AntiReplay;
using wire::SigningMode;
using Drop = std::optional<AdvertDrop>;

wire::Secret secret(std::uint8_t byte) {
  wire::Secret s{};
  std::fill_n(s.begin(), wire::kShortestSecret, byte);
  return s;
}

Settings settings_with(const Auth& auth) {
  Settings settings = plain_settings();
  settings.auth = auth;
  return settings;
}

Auth enforcing() {
  return {SigningMode::enforce, 1, {{1, secret(1)}, {2, secret(2)}}, AntiReplay::time, seconds(5)};
}

// A node: its clock, which runs with the monotonic one and is set, and its signatures.
struct Node {
  IpAddress address;
  Auth auth;
  Duration clock = hours(500'000);  // since 1970, at monotonic 0
  Authenticator authenticator{};

  Node(const char* text, const Auth& a) : address(*IpAddress::parse(text)), auth(a) {
    authenticator.configure(settings_with(auth));
  }
  void configure(const Auth& changed) {
    auth = changed;
    authenticator.configure(settings_with(auth));
  }
  [[nodiscard]] Duration time_of_day(MonotonicTime now) const {
    return clock + now.time_since_epoch();
  }
};

// A packet on the wire.
struct Packet {
  std::array<std::uint8_t, 512> bytes{};
  std::size_t length = 0;
  IpAddress source;
};

struct Wire {
  MonotonicTime now{seconds(1000)};

  Packet send(Node& from) const {
    wire::Advert advert;
    advert.vrid = 51;
    advert.priority = 100;
    advert.interval = seconds(1);
    advert.addresses = {address("192.0.2.100")};
    from.authenticator.sign(advert, from.address, from.time_of_day(now), now);
    Packet packet{{}, 0, from.address};
    packet.length =
        wire::emit_advert(advert, from.address, wire::vrrp_group(Family::ipv4), packet.bytes);
    return packet;
  }
  // What becomes of a message: from its bytes, as the codec has it.
  Drop hear(Node& at, const Packet& packet) const {
    std::array<std::uint8_t, 600> ip{};
    wire::ReceivedAdvert received;
    const std::size_t header = 20;
    ip[0] = 0x45;
    const auto total = static_cast<std::uint16_t>(header + packet.length);
    ip[2] = static_cast<std::uint8_t>(total >> 8);
    ip[3] = static_cast<std::uint8_t>(total);
    ip[8] = 255;
    ip[9] = wire::kVrrpProtocol;
    std::ranges::copy(packet.source.bytes(), ip.begin() + 12);
    std::ranges::copy(wire::vrrp_group(Family::ipv4).bytes(), ip.begin() + 16);
    const auto sum = td_csum_fold(td_csum_bytes(0, ip.data(), header));
    ip[10] = static_cast<std::uint8_t>(sum >> 8);
    ip[11] = static_cast<std::uint8_t>(sum);
    std::copy_n(packet.bytes.begin(), packet.length, ip.begin() + header);
    auto parsed = wire::parse_advert(std::span(ip).first(total));
    if (!parsed) return parsed.error();
    parsed->time_of_day = at.time_of_day(now);
    return at.authenticator.judge(*parsed, now);
  }
  Drop deliver(Node& from, Node& to) const { return hear(to, send(from)); }
  // Adverts of one node to the other, each second, from now on: those that were dropped.
  int dropped(Node& from, Node& to, int count) {
    int drops = 0;
    for (int i = 0; i < count; ++i) {
      now += seconds(1);
      drops += deliver(from, to) ? 1 : 0;
    }
    return drops;
  }
};

struct Pair : ::testing::Test {
  Wire wire;
  Node a{"192.0.2.2", enforcing()};
  Node b{"192.0.2.3", enforcing()};
};

using Authentication = Pair;

TEST_F(Authentication, TakesWhatIsSignedByEachOfItsKeys) {
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  Auth second = enforcing();
  second.active_key = 2;
  a.configure(second);
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
}

TEST_F(Authentication, RefusesEachKindOfForgery) {
  Auth other = enforcing();
  other.keys = {{1, secret(9)}};
  Node forger{"192.0.2.2", other};
  EXPECT_EQ(wire.deliver(forger, b), AdvertDrop::bad_signature);
  other.keys = {{1, secret(1)}, {3, secret(3)}};
  other.active_key = 3;
  forger.configure(other);
  EXPECT_EQ(wire.deliver(forger, b), AdvertDrop::unknown_key);
  other.mode = SigningMode::receive_only;
  forger.configure(other);
  EXPECT_EQ(wire.deliver(forger, b), AdvertDrop::not_signed);
  Packet changed = wire.send(a);
  changed.source = address("192.0.2.4");
  EXPECT_NE(wire.hear(b, changed), Drop{});
  EXPECT_EQ(wire.deliver(a, b), Drop{});  // none of that spoiled anything
}

TEST_F(Authentication, RefusesWhatWasHeardBefore) {
  const Packet first = wire.send(a);
  EXPECT_EQ(wire.hear(b, first), Drop{});
  EXPECT_EQ(wire.hear(b, first), AdvertDrop::replay);
  EXPECT_EQ(wire.dropped(a, b, 3), 0);
  EXPECT_EQ(wire.hear(b, first), AdvertDrop::replay);
  wire.now += seconds(60);
  EXPECT_EQ(wire.hear(b, first), AdvertDrop::stale);
  Node fresh{"192.0.2.9", enforcing()};  // which knows of no sequence
  EXPECT_EQ(wire.hear(fresh, first), AdvertDrop::stale);
}

TEST_F(Authentication, ByGrowthAloneTakesAnyTime) {
  Auth auth = enforcing();
  auth.anti_replay = AntiReplay::monotonic;
  b.configure(auth);
  a.clock -= hours(1);
  const Packet first = wire.send(a);
  EXPECT_EQ(wire.hear(b, first), Drop{});
  EXPECT_EQ(wire.dropped(a, b, 3), 0);
  EXPECT_EQ(wire.hear(b, first), AdvertDrop::replay);
}

TEST_F(Authentication, OfAdvertsWithinOneInstantEachIsNewer) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(wire.deliver(a, b), Drop{});
}

// Each step of a change to signed adverts, and of one from key to key, with one node ahead.
TEST_F(Authentication, ComesIntoUseWithoutAnAdvertDropped) {
  Auth auth = enforcing();
  const auto both_hear = [&] {
    wire.now += seconds(1);
    EXPECT_EQ(wire.deliver(a, b), Drop{});
    EXPECT_EQ(wire.deliver(b, a), Drop{});
  };
  const auto none = plain_settings();
  a.authenticator.configure(none);
  b.authenticator.configure(none);
  both_hear();
  for (const auto mode :
       {SigningMode::receive_only, SigningMode::permissive, SigningMode::enforce}) {
    auth.mode = mode;
    a.configure(auth);
    both_hear();
    b.configure(auth);
    both_hear();
  }
  auth.keys = {{2, secret(2)}, {1, secret(1)}};
  a.configure(auth);
  both_hear();
  auth.active_key = 2;
  a.configure(auth);
  both_hear();
  b.configure(auth);
  both_hear();
  auth.keys = {{2, secret(2)}};
  a.configure(auth);
  both_hear();
}

TEST_F(Authentication, TakesTheWrongSignatureInNoMode) {
  Auth other = enforcing();
  other.keys = {{1, secret(9)}};
  Node forger{"192.0.2.2", other};
  for (const auto mode :
       {SigningMode::receive_only, SigningMode::permissive, SigningMode::enforce}) {
    Auth auth = enforcing();
    auth.mode = mode;
    b.configure(auth);
    EXPECT_EQ(wire.deliver(forger, b), AdvertDrop::bad_signature);
  }
}

// By which each clock is set, at each side; no advert may get lost by it, then or later.
struct ClockSet : Pair, ::testing::WithParamInterface<Duration> {};

TEST_P(ClockSet, AtTheSender) {
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  a.clock += GetParam();
  EXPECT_EQ(wire.dropped(a, b, 300), 0);
  a.clock -= GetParam();
  EXPECT_EQ(wire.dropped(a, b, 300), 0);
}

TEST_P(ClockSet, AtTheReceiver) {
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  b.clock += GetParam();
  EXPECT_EQ(wire.dropped(a, b, 300), 0);
  b.clock -= GetParam();
  EXPECT_EQ(wire.dropped(a, b, 300), 0);
}

TEST_P(ClockSet, AtBothOneAfterTheOther) {
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  b.clock += GetParam();
  EXPECT_EQ(wire.dropped(a, b, 100), 0);
  a.clock += GetParam();
  EXPECT_EQ(wire.dropped(a, b, 100), 0);
}

// The receiver's clock was set, and then it becomes the sender.
TEST_P(ClockSet, AtABackupThatTakesOver) {
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  b.clock += GetParam();
  EXPECT_EQ(wire.dropped(a, b, 100), 0);
  wire.now += seconds(3);
  EXPECT_EQ(wire.dropped(b, a, 100), 0);
}

// The Active's clock was wrong from its start, alone; it was set right, and then the peer started. It
// cannot know better until it hears the peer, who has become Active by then.
TEST_P(ClockSet, AtASenderBeforeThePeerStarted) {
  a.clock -= GetParam();
  for (int i = 0; i < 10; ++i, wire.now += seconds(1)) (void)wire.send(a);
  a.clock += GetParam();
  for (int i = 0; i < 10; ++i, wire.now += seconds(1)) (void)wire.send(a);
  (void)wire.deliver(a, b);
  EXPECT_EQ(wire.deliver(b, a), Drop{});
  EXPECT_EQ(wire.deliver(a, b), Drop{});
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
}

// A peer of another make, whose sequence is its clock: it begins again when that was ahead.
TEST_P(ClockSet, RightAtASenderThatFollowsItAtOnce) {
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  Node early{"192.0.2.2", enforcing()};
  early.clock += GetParam();
  b.clock += GetParam();
  (void)wire.dropped(early, b, 20);
  Node corrected{"192.0.2.2", enforcing()};
  b.clock -= GetParam();
  EXPECT_LE(wire.dropped(corrected, b, 20), 2);
}

// Old adverts stay old when the receiver's clock is set back to their time.
TEST_P(ClockSet, MakesNoOldAdvertNew) {
  const Packet old = wire.send(a);
  wire.now += seconds(600);
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  b.clock -= seconds(610);
  EXPECT_NE(wire.hear(b, old), Drop{});
  EXPECT_EQ(wire.dropped(a, b, 10), 0);
  EXPECT_NE(wire.hear(b, old), Drop{});
}

INSTANTIATE_TEST_SUITE_P(By, ClockSet,
                         ::testing::Values(seconds(2), seconds(-2), seconds(30), seconds(-30),
                                           hours(1), hours(-1), hours(9000), hours(-9000)));

}  // namespace
}  // namespace tandem::vrrp
