// SPDX-License-Identifier: Apache-2.0
#include "speaker/stall_cause.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace tandem::speaker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kStall = milliseconds(300);
constexpr double kShare = 0.95;

// 700 ms: the stall, and 400 ms before it, in which the thread ran for 4 ms.
struct Row {
  const char* name;
  Duration ran, waited;
  std::uint64_t faults;
  Duration stolen, reading_late;
  double share;
  StallCause cause;
};

class Stall : public testing::TestWithParam<Row> {};

TEST_P(Stall, HasItsCause) {
  const Row& row = GetParam();
  const ThreadCounts before{MonotonicTime(seconds(100)), seconds(5), seconds(1), 7, seconds(3)};
  ThreadCounts after = before;
  after.at += milliseconds(700);
  after.ran += row.ran;
  after.waited += row.waited;
  after.major_faults += row.faults;
  after.stolen += row.stolen;
  EXPECT_STREQ(to_string(judge(before, after, kStall, row.reading_late, row.share)),
               to_string(row.cause));
}

constexpr Duration kLittle = milliseconds(4);

INSTANTIATE_TEST_SUITE_P(
    Speaker, Stall,
    testing::Values(
        Row{"Blocked", kLittle, kLittle, 0, {}, {}, kShare, StallCause::blocked},
        Row{"OthersHadTheCpu", kLittle, milliseconds(298), 0, {}, {}, kShare, StallCause::no_cpu},
        Row{"OthersHadTheCpuOfTheHost",
            kLittle,
            milliseconds(298),
            0,
            milliseconds(290),
            {},
            kShare,
            StallCause::steal},
        Row{"AsleepWhenTheHostTookTheCpu", kLittle, kLittle, 0, milliseconds(300),
            milliseconds(300), kShare, StallCause::steal},
        Row{"PageFaults", kLittle, kLittle, 3, {}, {}, kShare, StallCause::page_fault},
        Row{"RealTimeShareUsedUp",
            milliseconds(390),
            milliseconds(290),
            0,
            {},
            {},
            kShare,
            StallCause::throttled},
        Row{"NoLimitOfTheShare",
            milliseconds(390),
            milliseconds(290),
            0,
            {},
            {},
            1,
            StallCause::no_cpu},
        Row{"Busy", milliseconds(280), kLittle, 0, {}, {}, kShare, StallCause::busy},
        Row{"AllStoodStill",
            kLittle,
            kLittle,
            0,
            {},
            milliseconds(290),
            kShare,
            StallCause::frozen}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(StallCauses, AreReadOfAThread) {
  const auto before = read_counts(gettid());
  if (!before) GTEST_SKIP() << "this kernel has no schedstat";
  ThreadCounts after = *before;
  while (after.ran == before->ran) after = read_counts(gettid()).value();
  EXPECT_GT(after.ran, before->ran);
  EXPECT_GE(after.at, before->at);
}

TEST(StallCauses, AreCounted) {
  if (!read_counts(gettid())) GTEST_SKIP() << "this kernel has no schedstat";
  StallCauses causes(gettid());
  EXPECT_EQ(causes.find(MonotonicClock::now(), kStall), StallCause::unknown) << "nothing was read";
  causes.read();
  const StallCause cause = causes.find(MonotonicClock::now() + seconds(60), seconds(60));
  EXPECT_NE(cause, StallCause::unknown);
  EXPECT_EQ(causes.found()[static_cast<std::size_t>(cause)], 1U);
  EXPECT_FALSE(std::string(sentence(cause)).empty());
}

}  // namespace
}  // namespace tandem::speaker
