// SPDX-License-Identifier: Apache-2.0
// Each file of timelines/ is one test.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "player.hpp"

namespace tandem::scenario {
namespace {

std::vector<std::filesystem::path> timelines() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TIMELINES)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

class Timeline : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Timeline, PlaysAsTold) {
  std::ifstream file(GetParam());
  ASSERT_TRUE(file.is_open());
  Player player;
  const auto problem = player.play(file);
  EXPECT_FALSE(problem) << GetParam().string() << ": " << *problem;
}

INSTANTIATE_TEST_SUITE_P(Vrrp, Timeline, testing::ValuesIn(timelines()),
                         [](const auto& file) { return file.param.stem().string(); });

// The player itself must be able to fail.
TEST(Player, TellsTheLineThatWentOtherwise) {
  std::istringstream timeline("router A\nat 0ms start\nexpect state Active cause owner\n");
  const auto problem = Player().play(timeline);
  ASSERT_TRUE(problem);
  EXPECT_EQ(*problem,
            "line 3: expected state Active cause owner at 0ms, found state Backup cause startup "
            "at 0ms");
}

TEST(Player, TellsWhatNobodyExpected) {
  std::istringstream timeline("router A priority=255\nat 0ms start\nat 5s shutdown\n");
  const auto problem = Player().play(timeline);
  ASSERT_TRUE(problem);
  EXPECT_EQ(*problem, "line 3: not expected, at 0ms: lease 3000ms");
}

}  // namespace
}  // namespace tandem::scenario
