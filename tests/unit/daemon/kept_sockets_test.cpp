// SPDX-License-Identifier: Apache-2.0
// When an address moves: how long it stays for the sockets that there are, and what the peer hears.
#include "daemon/kept_sockets.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "parts.hpp"

namespace tandem::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr MacAddress kOwn{{2, 0, 0, 0, 0, 1}}, kPeers{{2, 0, 0, 0, 0, 2}};

class KeptSocketsTest : public testing::Test {
 protected:
  KeptSocketsTest() { link_.connected = link_.peer_lives = true; }

  // VI_2 has a service of the node's own, at 192.0.2.101.
  [[nodiscard]] const speaker::PlannedRouter& own() const { return running_.plan.routers[1]; }
  [[nodiscard]] const speaker::PlannedRouter& forwarded() const { return running_.plan.routers[0]; }
  [[nodiscard]] const td_vrouter& words() const { return vrrp_.tables->vrouter[own().id]; }
  [[nodiscard]] observe::SocketsView view() const { return kept_.view(own().id, now_); }

  void look(Duration later = std::chrono::seconds(2)) {
    now_ += later;
    kept_.look(now_);
  }
  // The count that was asked for last.
  void answer(unsigned sockets) {
    ASSERT_TRUE(asked_);
    const auto done = std::exchange(asked_, nullptr);
    done(KeptSockets::Counts{{{own().own_tcp[0].address, own().own_tcp[0].port}, sockets}});
  }
  void become_active_with(unsigned sockets) {
    kept_.installed(own());
    look();
    answer(sockets);
    look();
  }
  void hear(std::uint32_t keeps_ms, std::uint32_t left) {
    link_.peer_sockets = {{{own().own_tcp[0].address, kPeers, keeps_ms, left}}};
    link_.peer_sockets_at = now_;
    look(milliseconds(100));
  }

  boost::asio::io_context loop_;
  Running running_ = running(parsed(std::string(kNode) + R"(
[sync]
listen = "198.51.100.2:9106"
peer = "198.51.100.3:9106"
drain_timeout = "10m"
)"));
  speaker::DirectVrrp vrrp_;
  MonotonicTime now_ = MonotonicClock::now();
  KeptSockets::Counted asked_;
  sync::LinkView link_;
  sync::LocalSockets told_;
  std::vector<vrrp::RouterId> removed_;
  std::vector<std::string> notes_;
  KeptSockets kept_{{loop_, running_, vrrp_.steering, vrrp_,
                     [](const speaker::PlannedRouter&) { return std::optional(kOwn); },
                     [this](const speaker::PlannedRouter& r) { removed_.push_back(r.id); },
                     [this](const auto&, KeptSockets::Counted done) { asked_ = std::move(done); },
                     [this] { return link_; },
                     [this](const sync::LocalSockets& sockets) { told_ = sockets; },
                     [this](const std::string& note) { notes_.push_back(note); }}};
};

TEST_F(KeptSocketsTest, AnAddressStaysUntilNoSocketIsLeft) {
  become_active_with(3);
  kept_.remove(own(), now_);
  EXPECT_TRUE(removed_.empty());
  EXPECT_TRUE(view().draining);
  answer(2);
  EXPECT_TRUE(removed_.empty());
  EXPECT_EQ(view().here, 2U);
  EXPECT_TRUE(kept_.holds());
  look();
  answer(0);
  EXPECT_FALSE(kept_.holds());
  EXPECT_EQ(removed_, std::vector{own().id});
  EXPECT_FALSE(view().draining);
  EXPECT_EQ(words().sockets_ns, 0U);
}

TEST_F(KeptSocketsTest, ACountFromBeforeTheMoveEndsNothing) {
  become_active_with(0);
  look();
  ASSERT_TRUE(asked_);
  kept_.remove(own(), now_ + milliseconds(1));
  answer(0);
  EXPECT_TRUE(removed_.empty());
  look();
  answer(0);
  EXPECT_EQ(removed_.size(), 1U);
}

TEST_F(KeptSocketsTest, AndForDrainTimeoutAtMost) {
  become_active_with(3);
  kept_.remove(own(), now_);
  look(minutes(10) - std::chrono::seconds(1));
  EXPECT_TRUE(removed_.empty());
  look(std::chrono::seconds(1));
  EXPECT_EQ(removed_.size(), 1U);
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_NE(notes_[0].find("3 connections"), std::string::npos) << notes_[0];
}

TEST_F(KeptSocketsTest, AnAddressThatComesBackStays) {
  become_active_with(3);
  kept_.remove(own(), now_);
  kept_.installed(own());
  look();
  if (asked_) answer(0);
  look(minutes(20));
  EXPECT_TRUE(removed_.empty());
}

TEST_F(KeptSocketsTest, AddressesWithoutServicesOfTheNodesOwnGoAtOnce) {
  kept_.installed(forwarded());
  kept_.remove(forwarded(), now_);
  EXPECT_EQ(removed_, std::vector{forwarded().id});
  EXPECT_FALSE(kept_.view(forwarded().id, now_).counts);
}

TEST_F(KeptSocketsTest, ThePeerIsToldWhileActiveAndWhileDraining) {
  look();
  ASSERT_EQ(told_.routers.size(), 1U);
  EXPECT_EQ(told_.routers[0].keeps_ms, 0U);
  become_active_with(3);
  EXPECT_EQ(told_.routers[0], (sync::RouterSockets{own().own_tcp[0].address, kOwn, 600'000, 3}));
  kept_.remove(own(), now_);
  look(minutes(1));
  EXPECT_EQ(told_.routers[0].keeps_ms, 540'000U);
}

TEST_F(KeptSocketsTest, WhatThePeerTellsIsInTheTables) {
  hear(600'000, 5);
  EXPECT_EQ(words().peer_mac, 0x020000000002U);
  EXPECT_EQ(words().peer_ns, to_ns(link_.peer_sockets_at + minutes(10)));
  EXPECT_EQ(view().there, 5U);
  hear(0, 0);
  EXPECT_EQ(words().peer_ns, 0U);
}

TEST_F(KeptSocketsTest, APeerThatFallsSilentHasNoSockets) {
  hear(600'000, 5);
  link_.connected = false;  // its process ended, its kernel lives
  look();
  EXPECT_NE(words().peer_ns, 0U);
  link_.peer_lives = false;
  look();
  EXPECT_EQ(words().peer_ns, 0U);
}

TEST_F(KeptSocketsTest, OneWhoseProcessEndedWithoutSocketsHasNone) {
  hear(600'000, 0);
  EXPECT_NE(words().peer_ns, 0U);
  link_.connected = false;
  look();
  EXPECT_EQ(words().peer_ns, 0U);
}

TEST_F(KeptSocketsTest, WhatAnEarlierProcessLeftGoesOn) {
  vrrp_.add(running_.plan);
  kept_.resume(own(), now_ + minutes(3), now_);
  EXPECT_EQ(words().sockets_ns, to_ns(now_ + minutes(3)));
  look();
  answer(2);
  look(milliseconds(100));
  EXPECT_GT(told_.routers[0].keeps_ms, 170'000U);
  look(minutes(3));
  EXPECT_EQ(removed_, std::vector{own().id});
}

TEST_F(KeptSocketsTest, WhatCannotBeCountedStaysForTheWholeTime) {
  become_active_with(3);
  kept_.remove(own(), now_);
  ASSERT_TRUE(asked_);
  std::exchange(asked_, nullptr)(fail("cannot count"));
  EXPECT_TRUE(removed_.empty());
  EXPECT_EQ(kept_.troubles().size(), 1U);
  look(minutes(10));
  EXPECT_EQ(removed_.size(), 1U);
}

}  // namespace
}  // namespace tandem::daemon
