// SPDX-License-Identifier: Apache-2.0
#include "services/pick_tables.hpp"

namespace tandem::services {

bool PickTables::set(RunningService& service, const balance::MaglevTable& table) {
  const auto slots = table.slots();
  const auto blocks =
      static_cast<std::uint32_t>((slots.size() + TD_PICKS_IN_BLOCK - 1) / TD_PICKS_IN_BLOCK);
  auto& region = service.picks[static_cast<std::size_t>(1 - service.filled)];
  if (region && region->blocks < blocks) {
    blocks_.give(*region);
    region.reset();
  }
  if (!region && blocks > 0) region = blocks_.take(blocks);
  if (slots.empty() || !region) {
    steering_.set_picks(service.number, 0, 0);
    return slots.empty();
  }
  for (std::size_t i = 0; i < slots.size(); i++)
    env_.picks[region->first + i / TD_PICKS_IN_BLOCK].backend[i % TD_PICKS_IN_BLOCK] = slots[i];
  steering_.set_picks(service.number, region->first, static_cast<std::uint32_t>(slots.size()));
  service.filled = 1 - service.filled;
  return true;
}

void PickTables::remove(const RunningService& service) {
  steering_.set_picks(service.number, 0, 0);
  for (const auto& region : service.picks)
    if (region) blocks_.give(*region);
}

}  // namespace tandem::services
