// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.hpp"

#include <gtest/gtest.h>

namespace tandem {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST(Histogram, OfNothingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), Duration::zero());
  EXPECT_EQ(histogram.percentile(99), Duration::zero());
}

TEST(Histogram, IsExactBelow32Nanoseconds) {
  Histogram histogram;
  for (int i = 0; i < 32; ++i) histogram.record(nanoseconds(i));
  EXPECT_EQ(histogram.percentile(50), nanoseconds(15));
  EXPECT_EQ(histogram.percentile(100), nanoseconds(31));
  EXPECT_EQ(histogram.percentile(0), nanoseconds(0));
}

TEST(Histogram, RoundsPercentilesUpByASixteenthAtMost) {
  for (std::int64_t ns = 1; ns < (std::int64_t{1} << 40); ns = ns * 3 / 2 + 1) {
    Histogram histogram;
    histogram.record(nanoseconds(ns));
    histogram.record(hours(1));  // so that the maximum does not cap the percentile
    EXPECT_GE(histogram.percentile(50).count(), ns);
    EXPECT_LE(histogram.percentile(50).count(), ns + ns / 16);
  }
}

TEST(Histogram, TellsTheTailFromTheMiddle) {
  Histogram histogram;
  for (int i = 0; i < 990; ++i) histogram.record(microseconds(10));
  for (int i = 0; i < 10; ++i) histogram.record(microseconds(5000));
  EXPECT_LE(histogram.percentile(99), microseconds(11));
  EXPECT_EQ(histogram.percentile(99.9), microseconds(5000));
  EXPECT_EQ(histogram.max(), microseconds(5000));
  EXPECT_EQ(histogram.count(), 1000U);
}

TEST(Histogram, CountsThoseWithinABound) {
  Histogram histogram;
  for (const int us : {10, 10, 300, 5000}) histogram.record(microseconds(us));
  EXPECT_EQ(histogram.count_within(microseconds(9)), 0U);
  EXPECT_EQ(histogram.count_within(microseconds(11)), 2U);
  EXPECT_EQ(histogram.count_within(microseconds(1000)), 3U);
  EXPECT_EQ(histogram.count_within(microseconds(5400)), 4U);
  EXPECT_EQ(histogram.sum(), microseconds(5320));
}

TEST(Histogram, TakesWhatIsOutOfItsRange) {
  Histogram histogram;
  histogram.record(nanoseconds(-5));
  EXPECT_EQ(histogram.max(), Duration::zero());
  histogram.record(Duration::max());
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.percentile(100), Duration::max());
}

}  // namespace
}  // namespace tandem
