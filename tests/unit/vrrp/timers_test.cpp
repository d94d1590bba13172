// SPDX-License-Identifier: Apache-2.0
#include "vrrp/timers.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

namespace tandem::vrrp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

double in_ms(Duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

struct IntervalRow {
  std::uint8_t priority;
  double v2_1s, v3_1s, v3_100ms, v3_10ms;  // Active_Down_Interval, ms
};

class ActiveDownInterval : public testing::TestWithParam<IntervalRow> {};

TEST_P(ActiveDownInterval, IsThreeIntervalsAndSkewTime) {
  const IntervalRow& row = GetParam();
  const auto down = [&](int version, Duration interval) {
    return in_ms(
        active_down_interval(static_cast<std::uint8_t>(version), row.priority, interval, 3));
  };
  EXPECT_NEAR(down(2, seconds(1)), row.v2_1s, 0.051);
  EXPECT_NEAR(down(3, seconds(1)), row.v3_1s, 0.051);
  EXPECT_NEAR(down(3, milliseconds(100)), row.v3_100ms, 0.005);
  EXPECT_NEAR(down(3, milliseconds(10)), row.v3_10ms, 0.005);
}

INSTANTIATE_TEST_SUITE_P(Vrrp, ActiveDownInterval,
                         testing::Values(IntervalRow{254, 3007.8, 3007.8, 300.78, 30.08},
                                         IntervalRow{200, 3218.8, 3218.8, 321.88, 32.19},
                                         IntervalRow{100, 3609.4, 3609.4, 360.94, 36.09},
                                         IntervalRow{1, 3996.1, 3996.1, 399.61, 39.96}));

TEST(Timers, SkewTimeOfVersion2DoesNotScale) {
  EXPECT_EQ(skew_time(2, 100, seconds(10)), skew_time(2, 100, seconds(1)));
  EXPECT_EQ(skew_time(3, 100, seconds(10)), 10 * skew_time(3, 100, seconds(1)));
}

TEST(Timers, BackupsDifferEvenAtTenMilliseconds) {
  for (int p = 1; p < 255; ++p) {
    EXPECT_GT(skew_time(3, static_cast<std::uint8_t>(p), milliseconds(10)),
              skew_time(3, static_cast<std::uint8_t>(p + 1), milliseconds(10)));
  }
}

TEST(Timers, TheLeaseEndsBeforeAnyPeerTakesOver) {
  for (const int down_adverts : {1, 2, 3, 100}) {
    for (const std::uint8_t version : {std::uint8_t{2}, std::uint8_t{3}}) {
      EXPECT_LT(lease_time(seconds(1), down_adverts),
                active_down_interval(version, 254, seconds(1), down_adverts));
    }
  }
}

TEST(Timers, TheLeaseOutlivesTheNextAdvert) {
  for (const int down_adverts : {1, 2, 3, 100}) {
    EXPECT_GT(lease_time(milliseconds(10), down_adverts),
              send_interval(milliseconds(10), down_adverts));
  }
}

}  // namespace
}  // namespace tandem::vrrp
