// SPDX-License-Identifier: Apache-2.0
#include "balance/maglev_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using Candidates = std::vector<MaglevTable::Candidate>;

Candidates equal_ones(std::uint16_t count) {
  Candidates candidates;
  for (std::uint16_t slot = 0; slot < count; slot++)
    candidates.push_back({rig::identity_of(slot), 1, slot});
  return candidates;
}

std::map<int, int> entries_of(const MaglevTable& table) {
  std::map<int, int> entries;
  for (const auto slot : table.slots()) entries[slot]++;
  return entries;
}

// Entries of backends that are in both tables and lead to another one now.
double moved_share(const MaglevTable& before, const MaglevTable& after, int slot_that_changed) {
  int moved = 0;
  for (std::size_t i = 0; i < before.slots().size(); i++) {
    const int a = before.slots()[i], b = after.slots()[i];
    moved += a != b && a != slot_that_changed && b != slot_that_changed;
  }
  return moved / static_cast<double>(before.slots().size());
}

TEST(MaglevTable, HasPrimeSizesOfAHundredEntriesForEachBackend) {
  for (const std::size_t backends : {0, 1, 10, 11, 100, 655, 656, 5000, 41943, 65535}) {
    const std::size_t size = MaglevTable::size_for(backends);
    EXPECT_GE(size, 100 * backends);
    for (std::size_t factor = 2; factor * factor <= size; factor++)
      ASSERT_NE(size % factor, 0U) << size << " = " << factor << " * ...";
  }
}

TEST(MaglevTable, IsEmptyOfNobody) {
  EXPECT_TRUE(MaglevTable({}, 1021).slots().empty());
  EXPECT_TRUE(MaglevTable().slots().empty());
}

TEST(MaglevTable, GivesEqualOnesEqualShares) {
  for (const auto& [slot, entries] : entries_of(MaglevTable(equal_ones(10), 1021)))
    EXPECT_NEAR(entries, 102.1, 1) << slot;
}

TEST(MaglevTable, GivesSharesByWeightAndEveryoneAnEntry) {
  const std::vector<std::uint16_t> weights = {1, 2, 3, 4, 100, 65535};
  double all = 0;
  Candidates candidates = equal_ones(6);
  for (auto& c : candidates) all += c.weight = weights[c.slot];
  const auto entries = entries_of(MaglevTable(candidates, 65521));
  ASSERT_EQ(entries.size(), 6U);
  for (const auto& [slot, count] : entries)
    EXPECT_NEAR(count, 65521.0 * weights[static_cast<std::size_t>(slot)] / all, 6) << slot;
}

TEST(MaglevTable, DependsOnIdentitiesAloneNotOnOrderOrSlots) {
  std::mt19937_64 random(7);
  Candidates candidates = equal_ones(50);
  for (auto& c : candidates) c.weight = static_cast<std::uint16_t>(1 + random() % 9);
  const MaglevTable first(candidates, 16381);

  // The other node met the backends in another order and numbered them by it.
  std::ranges::shuffle(candidates, random);
  std::map<int, std::uint64_t> identity_of_slot;
  for (std::uint16_t i = 0; i < candidates.size(); i++) {
    candidates[i].slot = static_cast<std::uint16_t>(900 + i);
    identity_of_slot[candidates[i].slot] = candidates[i].identity;
  }
  const MaglevTable second(candidates, 16381);
  for (std::size_t i = 0; i < first.slots().size(); i++)
    ASSERT_EQ(rig::identity_of(first.slots()[i]), identity_of_slot[second.slots()[i]]) << i;
}

TEST(MaglevTable, MovesLittleWhenOneGoes) {
  for (const int count : {4, 20, 100, 500}) {
    Candidates candidates = equal_ones(static_cast<std::uint16_t>(count));
    const std::size_t size = MaglevTable::size_for(candidates.size());
    const MaglevTable before(candidates, size);
    candidates.erase(candidates.begin() + count / 2);
    const MaglevTable after(candidates, size);
    // All of its own entries, and of the others' a share of 1/count at the most.
    const double others = moved_share(before, after, count / 2);
    RecordProperty("others_moved_of_" + std::to_string(count), std::to_string(others));
    EXPECT_LT(others, std::max(1.0 / count, 0.02)) << count;
    for (const auto slot : after.slots()) ASSERT_NE(slot, count / 2);
  }
}

TEST(MaglevTable, MovesLittleWhenAWeightChanges) {
  Candidates candidates = equal_ones(20);
  for (auto& c : candidates) c.weight = 100;
  const MaglevTable before(candidates, 4093);
  candidates[3].weight = 50;
  const MaglevTable after(candidates, 4093);
  EXPECT_LT(moved_share(before, after, 3), 0.06);
  EXPECT_NEAR(entries_of(after)[3], 4093 * 50 / 1950.0, 2);
}

TEST(MaglevTable, ScalesHashesToEntries) {
  EXPECT_EQ(MaglevTable::entry_of(0, 1021), 0U);
  EXPECT_EQ(MaglevTable::entry_of(~0ULL, 1021), 1020U);
  EXPECT_EQ(MaglevTable::entry_of(1ULL << 63, 1021), 510U);
  EXPECT_EQ(MaglevTable::entry_of(~0ULL, 8388593), 8388592U);
}

TEST(MaglevTable, HoldsTenThousand) {
  const std::size_t size = MaglevTable::size_for(10'000);
  const auto entries = entries_of(MaglevTable(equal_ones(10'000), size));
  ASSERT_EQ(entries.size(), 10'000U);
  for (const auto& [slot, count] : entries)
    ASSERT_NEAR(count, static_cast<double>(size) / 10'000, 1) << slot;
}

}  // namespace
}  // namespace tandem::balance
