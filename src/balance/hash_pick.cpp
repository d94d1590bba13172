// SPDX-License-Identifier: Apache-2.0
#include "balance/hash_pick.hpp"

namespace tandem::balance {

void HashPick::reserve(std::size_t members) {
  eligible_.reserve(members);
  if (place_.size() < members) place_.resize(members);
}

void HashPick::join(const Member& member) {
  place_[member.index] = static_cast<std::uint32_t>(eligible_.size());
  eligible_.push_back(&member);
}

void HashPick::leave(const Member& member) {
  const std::uint32_t place = place_[member.index];
  eligible_[place] = eligible_.back();
  place_[eligible_[place]->index] = place;
  eligible_.pop_back();
}

const Member* HashPick::choose(const FlowHash& hash) {
  if (eligible_.empty()) return nullptr;
  const std::uint64_t key = hash.*key_;
  const auto joined = [](const Member& member) { return member.joined; };
  if (const Member* found = walk(table_, pool_, key, joined)) return found;
  return eligible_[MaglevTable::entry_of(key, eligible_.size())];
}

}  // namespace tandem::balance
