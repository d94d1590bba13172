// SPDX-License-Identifier: Apache-2.0
#include "daemon/repeat_limit.hpp"

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

constexpr MonotonicTime kBegin{std::chrono::hours(1)};

TEST(RepeatLimit, TheSameLineIsLeftOutAfterAFewTimesAndCountedWhenItComesAgain) {
  RepeatLimit limit;
  int said = 0;
  std::string last;
  for (int i = 0; i < 1000; i++)
    if (const auto verdict = limit.judge("check web: down", kBegin + std::chrono::milliseconds(i));
        verdict.says) {
      said++;
      last = verdict.more;
    }
  EXPECT_EQ(said, static_cast<int>(RepeatLimit::kTimes));
  EXPECT_EQ(last, " (left out for a minute, if it comes again)");
  const auto again = limit.judge("check web: down", kBegin + RepeatLimit::kWhile);
  EXPECT_TRUE(again.says);
  EXPECT_EQ(again.more, " (left out 980 times before)");
  EXPECT_EQ(limit.judge("check web: down", kBegin + RepeatLimit::kWhile).more, "");
}

TEST(RepeatLimit, OtherLinesAreSaidMeanwhile) {
  RepeatLimit limit;
  for (int i = 0; i < 1000; i++) (void)limit.judge("check web: down", kBegin);
  EXPECT_TRUE(limit.judge("VI_1: Backup -> Active", kBegin).says);
  // However many there are, and what was known stays known.
  for (int i = 0; i < 10'000; i++) EXPECT_TRUE(limit.judge(std::to_string(i), kBegin).says);
  EXPECT_FALSE(limit.judge("check web: down", kBegin).says);
}

}  // namespace
}  // namespace tandem::daemon
