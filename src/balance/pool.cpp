// SPDX-License-Identifier: Apache-2.0
#include "balance/pool.hpp"

#include <cassert>

namespace tandem::balance {

void Pool::make_room_for(std::uint16_t slot) {
  if (by_slot_.empty()) first_slot_ = slot;
  if (slot < first_slot_) {
    by_slot_.insert(by_slot_.begin(), first_slot_ - slot, nullptr);
    first_slot_ = slot;
  }
  if (slot - first_slot_ >= by_slot_.size()) by_slot_.resize(slot - first_slot_ + 1);
}

Member& Pool::add(std::uint16_t slot) {
  assert(find(slot) == nullptr);
  make_room_for(slot);
  if (unused_.empty()) {
    unused_.push_back(static_cast<std::uint16_t>(members_.size()));
    members_.emplace_back();
  }
  Member& member = members_[unused_.back()];
  member = Member{};
  member.index = unused_.back();
  member.backend.slot = slot;
  unused_.pop_back();
  by_slot_[slot - first_slot_] = &member;
  return member;
}

void Pool::erase(Member& member) {
  by_slot_[member.backend.slot - first_slot_] = nullptr;
  unused_.push_back(member.index);
}

}  // namespace tandem::balance
