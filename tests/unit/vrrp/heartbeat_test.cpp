// SPDX-License-Identifier: Apache-2.0
#include "vrrp/heartbeat.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace tandem::vrrp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kStart{seconds(1000)};

TEST(Heartbeat, IsNotMissedBeforeItHasBegun) {
  Heartbeat heart;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(heart.look(0, kStart + i * Heartbeat::kLook), Duration{});
}

TEST(Heartbeat, ThatStopsIsSilentForLongerAndLonger) {
  Heartbeat heart;
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(heart.look(1 + i, kStart + i * Heartbeat::kLook), Duration{});
  Duration silent{};
  for (int i = 10; i < 20; ++i) silent = heart.look(10, kStart + i * Heartbeat::kLook);
  EXPECT_EQ(silent, seconds(1));
  EXPECT_EQ(heart.look(11, kStart + seconds(2)), Duration{});
}

TEST(Heartbeat, IsLookedAtInItsTime) {
  Heartbeat heart;
  heart.look(1, kStart);
  EXPECT_EQ(heart.next_look(), kStart + Heartbeat::kLook);
  heart.look(1, kStart + milliseconds(50));
  EXPECT_EQ(heart.next_look(), kStart + Heartbeat::kLook);
}

// The whole process stood still, or the machine did.
TEST(Heartbeat, IsNotMissedByALookThatCameLate) {
  Heartbeat heart;
  heart.look(1, kStart);
  EXPECT_LE(heart.look(1, kStart + seconds(60)), 2 * Heartbeat::kLook);
}

}  // namespace
}  // namespace tandem::vrrp
