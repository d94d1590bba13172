// SPDX-License-Identifier: Apache-2.0
// What the nodes tell each other of their virtual routers: by name, with an age that is not less than it
// is, and nothing that looks well and is not.
#include "sync/roles.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using vrrp::State;

constexpr vrrp::RouterId kHere = 3, kThere = 7;  // numbers are each node's own

struct Teller {
  explicit Teller(vrrp::RouterId id, Duration interval = milliseconds(100)) {
    exchange.set_routers(
        {{id, 51, *IpAddress::parse("192.0.2.100"), interval},
         {static_cast<vrrp::RouterId>(id + 1), 51, *IpAddress::parse("2001:db8::100"), interval}});
    exchange.begin();
  }
  std::optional<Roles> say(MonotonicTime now) {
    std::vector<std::uint8_t> bytes;
    exchange.send(bytes, now);
    if (bytes.empty()) return std::nullopt;
    return std::get<Roles>(*(*parse(bytes))->message);
  }

  std::unique_ptr<vrrp::RoleBoard> board = std::make_unique<vrrp::RoleBoard>();
  int woken = 0;
  RoleExchange exchange{*board, [this] { ++woken; }};
};

class RolesOfTwo : public testing::Test {
 protected:
  // Both clocks began at another moment.
  [[nodiscard]] MonotonicTime there_now() const { return here_now + seconds(77); }
  void pass(Duration time) { here_now += time; }
  void here_says() {
    if (const auto roles = here.say(here_now)) there.exchange.on(*roles, there_now());
  }
  void there_says() {
    if (const auto roles = there.say(there_now())) here.exchange.on(*roles, here_now);
  }

  MonotonicTime here_now{seconds(1000)};
  Teller here{kHere}, there{kThere};
};

TEST_F(RolesOfTwo, AreKnownByNameAndWithTheirAge) {
  there.board->set_own(kThere, {State::active, 150, true}, there_now() + seconds(1));
  const MonotonicTime asked = here_now;
  here_says();
  pass(milliseconds(40));
  there_says();
  const auto peer = here.board->peer(kHere);
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->role, (vrrp::Role{State::active, 150, true}));
  EXPECT_EQ(peer->as_of, asked);
  EXPECT_EQ(here.board->peer(kHere + 1)->role.state, State::initialize);
}

TEST_F(RolesOfTwo, ThatWereOnTheirWayForLongAreOld) {
  there.board->set_own(kThere, {State::active, 150, true}, there_now() + seconds(1));
  const MonotonicTime asked = here_now;
  here_says();
  const auto late = there.say(there_now());
  pass(seconds(5));
  here.exchange.on(*late, here_now);
  EXPECT_EQ(here.board->peer(kHere)->as_of, asked);
}

TEST_F(RolesOfTwo, DoNotServeWithoutALease) {
  there.board->set_own(kThere, {State::active, 150, true}, there_now() + milliseconds(300));
  here_says();
  there_says();
  EXPECT_TRUE(here.board->peer(kHere)->role.is_active_and_well());
  pass(milliseconds(301));  // the VRRP thread there stands still
  there_says();
  EXPECT_FALSE(here.board->peer(kHere)->role.is_active_and_well());
  EXPECT_EQ(here.woken, 2);
}

TEST_F(RolesOfTwo, AreToldFourTimesInAnIntervalAndAtOnceWhenOneChanges) {
  EXPECT_TRUE(there.say(there_now()));
  EXPECT_FALSE(there.say(there_now()));
  pass(milliseconds(24));
  EXPECT_FALSE(there.say(there_now()));
  pass(milliseconds(1));
  EXPECT_TRUE(there.say(there_now()));
  there.board->set_own(kThere, {State::backup, 150, false}, {});
  EXPECT_TRUE(there.say(there_now()));
}

TEST_F(RolesOfTwo, OfALaterVersionAreNotActive) {
  here_says();
  Roles roles = *there.say(there_now());
  roles.routers[0].state = 9;
  here.exchange.on(roles, here_now);
  EXPECT_FALSE(here.board->peer(kHere)->role.is_active_and_well());
}

TEST_F(RolesOfTwo, AreForgottenWithTheName) {
  there.board->set_own(kThere, {State::active, 150, true}, there_now() + seconds(1));
  here_says();
  there_says();
  here.exchange.set_routers({{kHere, 52, *IpAddress::parse("192.0.2.100"), milliseconds(100)}});
  EXPECT_FALSE(here.board->peer(kHere));
  there_says();
  EXPECT_FALSE(here.board->peer(kHere));
}

// Of the future, or of another session.
TEST_F(RolesOfTwo, WithAClockThatCannotBeCountForNothing) {
  Roles roles = *there.say(there_now());
  roles.echoed_ns = to_ns(here_now + seconds(1));
  here.exchange.on(roles, here_now);
  EXPECT_FALSE(here.board->peer(kHere));
  here_says();
  there.exchange.begin();
  there_says();
  EXPECT_FALSE(here.board->peer(kHere));
}

}  // namespace
}  // namespace tandem::sync
