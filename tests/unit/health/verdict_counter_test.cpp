// SPDX-License-Identifier: Apache-2.0
#include "health/verdict_counter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tandem::health {
namespace {

// One letter a result: what the state is after each of `passes` ('+' or '-').
std::string states(int fall, int rise, std::string_view passes) {
  VerdictCounter counter(fall, rise);
  std::string result;
  State before = counter.state();
  for (const char pass : passes) {
    const bool has_changed = counter.record(pass == '+');
    EXPECT_EQ(has_changed, counter.state() != before);
    before = counter.state();
    result += before == State::up ? 'U' : 'D';
  }
  return result;
}

TEST(VerdictCounter, IsUnknownAtFirst) {
  EXPECT_EQ(VerdictCounter(3, 2).state(), State::unknown);
  EXPECT_EQ(VerdictCounter(3, 2).consecutive(), 0);
}

TEST(VerdictCounter, FirstResultDecidesAtOnce) {
  EXPECT_EQ(states(3, 2, "+"), "U");
  EXPECT_EQ(states(3, 2, "-"), "D");
}

TEST(VerdictCounter, FallsAfterFailuresInARow) {
  EXPECT_EQ(states(3, 2, "+---"), "UUUD");
  EXPECT_EQ(states(3, 2, "+--+--+---"), "UUUUUUUUUD");
  EXPECT_EQ(states(1, 1, "+-+-"), "UDUD");
}

TEST(VerdictCounter, RisesAfterPassesInARow) {
  EXPECT_EQ(states(3, 2, "-++"), "DDU");
  EXPECT_EQ(states(3, 2, "-+-+-++"), "DDDDDDU");
}

TEST(VerdictCounter, FirstResultCountsTowardsNothingButItself) {
  // The failure that decided at the start is the first of the row, but the state is down already.
  EXPECT_EQ(states(2, 3, "---+++---"), "DDDDDUUDD");
}

TEST(VerdictCounter, CountsLikeResults) {
  VerdictCounter counter(3, 2);
  counter.record(false);
  EXPECT_EQ(counter.consecutive(), 1);
  counter.record(false);
  EXPECT_EQ(counter.consecutive(), 2);
  counter.record(true);
  EXPECT_EQ(counter.consecutive(), 1);
}

}  // namespace
}  // namespace tandem::health
