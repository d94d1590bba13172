// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

TEST(Suggestion, IsTheClosestWord) {
  const std::vector<std::string> known{"preempt", "preempt_delay", "priority"};
  EXPECT_EQ(suggest("prempt", known, ""), "did you mean \"preempt\"?");
  EXPECT_EQ(suggest("preempt_dealy", known, ""), "did you mean \"preempt_delay\"?");
  EXPECT_EQ(suggest("proirity", known, ""), "did you mean \"priority\"?");
}

TEST(Suggestion, SeesSwappedLettersInShortWords) {
  EXPECT_EQ(suggest("nmae", {"name", "port"}, ""), "did you mean \"name\"?");
}

TEST(Suggestion, ListsWhatThereIsWhereNothingIsClose) {
  EXPECT_EQ(suggest("colour", {"name", "port"}, ""), "expected one of \"name\", \"port\"");
  EXPECT_EQ(suggest("colour", {"name"}, ""), "expected \"name\"");
  EXPECT_EQ(suggest("colour", {}, "nothing"), "expected nothing");
}

}  // namespace
}  // namespace tandem::config
