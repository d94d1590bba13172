// SPDX-License-Identifier: Apache-2.0
// Room for tables of hash picks in td_picks.
#pragma once

#include <cstdint>
#include <list>
#include <optional>

namespace tandem::services {

class PickBlocks {
 public:
  struct Region {
    std::uint32_t first = 0;
    std::uint32_t blocks = 0;
  };

  explicit PickBlocks(std::uint32_t blocks) : free_{{0, blocks}} {}

  // The first region that is long enough; none if there is none.
  std::optional<Region> take(std::uint32_t blocks) {
    for (auto region = free_.begin(); region != free_.end(); ++region) {
      if (region->blocks < blocks) continue;
      const Region taken{region->first, blocks};
      region->first += blocks;
      region->blocks -= blocks;
      if (region->blocks == 0) free_.erase(region);
      return taken;
    }
    return std::nullopt;
  }

  void give(Region region) {
    for (auto other = free_.begin(); other != free_.end();) {
      const bool before = other->first + other->blocks == region.first;
      const bool after = region.first + region.blocks == other->first;
      if (!before && !after) {
        ++other;
        continue;
      }
      region = {before ? other->first : region.first, region.blocks + other->blocks};
      other = free_.erase(other);
    }
    free_.push_back(region);
  }

 private:
  std::list<Region> free_;  // no two are neighbours
};

}  // namespace tandem::services
