// SPDX-License-Identifier: Apache-2.0
#include "dataplane/stall_watch.hpp"

#include <gtest/gtest.h>

namespace tandem::dataplane {
namespace {

constexpr MonotonicTime kFirstLook{std::chrono::hours(1)};

class Looks {
 public:
  bool after(Duration passed, std::uint64_t rounds) { return watch.look(rounds, now += passed); }
  // Looks in time, for so long.
  bool through(Duration passed, std::uint64_t rounds) {
    bool stalled = watch.stalled();
    for (Duration at{}; at < passed; at += StallWatch::kInterval)
      stalled = after(StallWatch::kInterval, rounds);
    return stalled;
  }
  StallWatch watch;
  MonotonicTime now = kFirstLook;
};

TEST(StallWatch, AWorkerThatGoesRoundIsFine) {
  Looks looks;
  for (std::uint64_t rounds = 0; rounds < 100; rounds++)
    EXPECT_FALSE(looks.after(StallWatch::kInterval, rounds));
}

TEST(StallWatch, OneThatDoesNotHasStalledAfterThePatience) {
  Looks looks;
  looks.after(StallWatch::kInterval, 7);
  EXPECT_FALSE(looks.through(StallWatch::kPatience - StallWatch::kInterval, 7));
  EXPECT_TRUE(looks.after(StallWatch::kInterval, 7));
  EXPECT_TRUE(looks.through(StallWatch::kPatience, 7));
}

TEST(StallWatch, WithItsNextRoundItWorksAgain) {
  Looks looks;
  looks.after(StallWatch::kInterval, 7);
  EXPECT_TRUE(looks.through(2 * StallWatch::kPatience, 7));
  EXPECT_FALSE(looks.after(StallWatch::kInterval, 8));
}

TEST(StallWatch, ALookThatComesLateSaysNothing) {
  Looks looks;
  looks.after(StallWatch::kInterval, 7);
  EXPECT_FALSE(looks.after(10 * StallWatch::kPatience, 7));
  EXPECT_FALSE(looks.through(StallWatch::kPatience - StallWatch::kInterval, 7));
  EXPECT_TRUE(looks.after(StallWatch::kInterval, 7));
  EXPECT_TRUE(looks.after(10 * StallWatch::kPatience, 7)) << "it has not worked since";
}

}  // namespace
}  // namespace tandem::dataplane
