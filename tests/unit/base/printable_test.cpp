// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"

#include <gtest/gtest.h>

namespace tandem {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesTextsOfAllLanguages) {
  for (const auto text : {"api, 192.0.2.1"sv, "Knödel \u20ac \u4e2d \U0001f600"sv, ""sv})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, TakesControlCharactersAway) {
  EXPECT_EQ(printable("a\x1b[31mb\nc\x7f\0d"sv), "a?[31mb?c??d");
  EXPECT_EQ(printable("a\u009b2Jb\u0085c"), "a?2Jb?c") << "C1";
  EXPECT_EQ(printable("a\nb\rc", true), "a\nb?c");
}

TEST(Printable, LetsNothingTurnTheDirectionOrHide) {
  EXPECT_EQ(printable("a\u202etxt\u2066b\u200fc\u061cd\u2028e\ufefff"), "a?txt?b?c?d?e?f");
  EXPECT_EQ(printable("a\U000e0041"), "a?");
}

TEST(Printable, TakesWhatIsNoUtf8Away) {
  EXPECT_EQ(printable("a\x9b\xff\x62"), "a??b");
  EXPECT_EQ(printable("\xc0\x9b"), "??") << "longer than it has to be";
  EXPECT_EQ(printable("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(printable("\xe2\x82"), "??") << "cut short";
}

}  // namespace
}  // namespace tandem
