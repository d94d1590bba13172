// SPDX-License-Identifier: Apache-2.0
#include "vrrp/priority.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

Settings tracking(int priority, std::vector<Tracked> tracked) {
  Settings s;
  s.priority = static_cast<std::uint8_t>(priority);
  s.tracked = std::move(tracked);
  return s;
}

TEST(Priority, NegativeWeightCountsWhileFailing) {
  const Settings s = tracking(150, {{"check nginx", 0, -60}});
  EXPECT_EQ(effective_priority(s, {false}), 150);
  EXPECT_EQ(effective_priority(s, {true}), 90);
  EXPECT_EQ(explain_priority(s, {true}), "150 configured, -60 check nginx failing = 90");
  EXPECT_EQ(explain_priority(s, {false}), "150 configured = 150");
}

TEST(Priority, PositiveWeightCountsWhileUp) {
  const Settings s = tracking(100, {{"interface eth1", 0, 20}});
  EXPECT_EQ(effective_priority(s, {false}), 120);
  EXPECT_EQ(effective_priority(s, {true}), 100);
  EXPECT_EQ(explain_priority(s, {false}), "100 configured, +20 interface eth1 up = 120");
}

TEST(Priority, StaysWithin1And254) {
  const Settings s = tracking(100, {{"a", 0, -200}, {"b", 1, 200}});
  EXPECT_EQ(effective_priority(s, {true, true}), 1);
  EXPECT_EQ(effective_priority(s, {false, false}), 254);
  EXPECT_EQ(explain_priority(s, {true, true}),
            "100 configured, -200 a failing = 1 (-100 kept within 1-254)");
}

TEST(Priority, OwnerIsNeverMoved) {
  const Settings s = tracking(255, {{"a", 0, -200}});
  EXPECT_EQ(effective_priority(s, {true}), 255);
  EXPECT_EQ(lowest_priority(s), 255);
}

TEST(Priority, NoWeightMeansFault) {
  const Settings s = tracking(100, {{"a", 0, -10}, {"b", 1, std::nullopt}});
  EXPECT_FALSE(tracked_fault(s, {true, false}));
  EXPECT_TRUE(tracked_fault(s, {false, true}));
  EXPECT_EQ(effective_priority(s, {false, true}), 100);
}

TEST(Priority, LowestShowsTheTrapOfTooSmallWeights) {
  EXPECT_EQ(lowest_priority(tracking(150, {{"a", 0, -20}})), 130);
  EXPECT_EQ(lowest_priority(tracking(150, {{"a", 0, -20}, {"b", 1, -40}, {"c", 2, 30}})), 90);
  EXPECT_EQ(lowest_priority(tracking(10, {{"a", 0, -20}})), 1);
  EXPECT_EQ(lowest_priority(tracking(150, {})), 150);
  EXPECT_EQ(lowest_priority(tracking(150, {{"a", 0, std::nullopt}})), std::nullopt);
  const Tracked lowers{"forwarding", 1, -253, true}, fails{"forwarding", 1, std::nullopt, true};
  EXPECT_EQ(lowest_priority(tracking(150, {{"a", 0, -20}, lowers})), 130) << "what is configured";
  EXPECT_EQ(lowest_priority(tracking(255, {{"a", 0, -20}, fails})), 255);
}

}  // namespace
}  // namespace tandem::vrrp
