// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "vrrp/action.hpp"

namespace tandem::vrrp {
namespace {

TEST(Names, AreDistinctAndComplete) {
  std::set<std::string> names;
  for (int s = 0; s <= static_cast<int>(State::fault); ++s) {
    EXPECT_TRUE(names.insert(to_string(static_cast<State>(s))).second);
  }
  for (int c = 0; c <= static_cast<int>(Cause::unserved); ++c) {
    EXPECT_TRUE(names.insert(to_string(static_cast<Cause>(c))).second);
  }
  for (int h = 0; h <= static_cast<int>(HandoverEnd::called_off); ++h) {
    EXPECT_TRUE(names.insert(to_string(static_cast<HandoverEnd>(h))).second);
  }
  for (int m = 0; m <= static_cast<int>(Matter::second_active); ++m) {
    EXPECT_TRUE(names.insert(to_string(Notice{0, static_cast<Matter>(m), 5})).second);
  }
  EXPECT_FALSE(names.contains("?"));
}

}  // namespace
}  // namespace tandem::vrrp
