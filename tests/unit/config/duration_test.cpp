// SPDX-License-Identifier: Apache-2.0
#include "config/duration.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250us"), Duration(250us));
  EXPECT_EQ(parse_duration("10ms"), Duration(10ms));
  EXPECT_EQ(parse_duration("1s"), Duration(1s));
  EXPECT_EQ(parse_duration("2m"), Duration(2min));
  EXPECT_EQ(parse_duration("10000h"), Duration(10000h));
  EXPECT_EQ(parse_duration("0s"), Duration(0s));
}

TEST(Duration, HasExactFractions) {
  EXPECT_EQ(parse_duration("40.95s"), Duration(40950ms));
  EXPECT_EQ(parse_duration("0.000000001s"), Duration(1ns));
  EXPECT_EQ(parse_duration("1.5h"), Duration(90min));
  EXPECT_EQ(parse_duration("0.001us"), Duration(1ns));
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text :
       {"", "s", "1", "-1s", "+1s", " 1s", "1 s", "1s ", ".5s", "1.s", "1e3ms", "1S", "1ns",
        "1m30s", "0.0000000001s", "0.0001us", "10001h", "99999999999999999999s", "1,5s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, PrintsInTheLargestWholeUnit) {
  EXPECT_EQ(to_text(0s), "0s");
  EXPECT_EQ(to_text(1500ms), "1500ms");
  EXPECT_EQ(to_text(60s), "1m");
  EXPECT_EQ(to_text(255s), "255s");
  EXPECT_EQ(to_text(1us), "1us");
  EXPECT_EQ(to_text(1ns), "1ns");
}

}  // namespace
}  // namespace tandem::config
