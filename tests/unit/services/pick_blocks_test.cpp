// SPDX-License-Identifier: Apache-2.0
#include "services/pick_blocks.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tandem::services {
namespace {

TEST(PickBlocks, GivesWhatThereIs) {
  PickBlocks blocks(10);
  const auto first = blocks.take(4), second = blocks.take(6);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->first, 0U);
  EXPECT_EQ(second->first, 4U);
  EXPECT_FALSE(blocks.take(1));
  blocks.give(*first);
  EXPECT_FALSE(blocks.take(5));
  EXPECT_EQ(blocks.take(4)->first, 0U);
}

// Regions never overlap, and when all are given back the whole is in one piece again.
TEST(PickBlocks, MendsWhatWasTakenApart) {
  constexpr std::uint32_t kBlocks = 200;
  std::mt19937 random(1);
  PickBlocks blocks(kBlocks);
  std::vector<PickBlocks::Region> held;
  std::vector<bool> taken(kBlocks);
  const auto mark = [&](const PickBlocks::Region& region, bool as) {
    for (std::uint32_t i = 0; i < region.blocks; i++) {
      ASSERT_NE(taken.at(region.first + i), as);
      taken[region.first + i] = as;
    }
  };
  for (int i = 0; i < 5000; i++) {
    if (random() % 2 == 0) {
      const auto region = blocks.take(1 + static_cast<std::uint32_t>(random() % 20));
      if (!region) continue;
      mark(*region, true);
      held.push_back(*region);
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      mark(held.back(), false);
      blocks.give(held.back());
      held.pop_back();
    }
  }
  for (const auto& region : held) blocks.give(region);
  EXPECT_TRUE(blocks.take(kBlocks));
}

}  // namespace
}  // namespace tandem::services
