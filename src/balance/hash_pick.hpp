// SPDX-License-Identifier: Apache-2.0
// Picks by hash from a Maglev table: by all of the flow's addresses, or by the client's alone.
//
// A table is made of the backends that served when it was made. Whoever has gone since, or is full,
// is passed over: the next entry that may be picked is taken. Entries lie in no order, so the flows
// of one that is passed over spread over all others, and come back to it afterwards.
#pragma once

#include <cstdint>
#include <vector>

#include "balance/maglev_table.hpp"
#include "balance/strategy.hpp"

namespace tandem::balance {

// The first member from the hash's entry on that allowed(member) is true for; null if there is none
// among the first few dozen entries.
template <class Allowed>
[[nodiscard]] const Member* walk(const MaglevTable& table, const Pool& pool, std::uint64_t hash,
                                 Allowed allowed) {
  constexpr int kEntries = 32;
  const auto slots = table.slots();
  if (slots.empty()) return nullptr;
  std::size_t entry = MaglevTable::entry_of(hash, slots.size());
  for (int tried = 0; tried < kEntries; tried++) {
    const Member* member = pool.find(slots[entry]);
    if (member != nullptr && allowed(*member)) return member;
    if (++entry == slots.size()) entry = 0;
  }
  return nullptr;
}

// Where walk() finds none, since most are full, an eligible member is taken by the hash alone.
class HashPick final : public Strategy {
 public:
  // Which of the hashes to pick by; pool and table have to outlive this.
  HashPick(std::uint64_t FlowHash::*key, const Pool& pool, const MaglevTable& table)
      : key_(key), pool_(pool), table_(table) {}

  void reserve(std::size_t members) override;
  void join(const Member& member) override;
  void leave(const Member& member) override;
  [[nodiscard]] const Member* choose(const FlowHash& hash) override;
  void picked(const Member&) override {}
  void recounted(const Member&) override {}

 private:
  std::uint64_t FlowHash::*key_;
  const Pool& pool_;
  const MaglevTable& table_;
  std::vector<const Member*> eligible_;  // in no order
  std::vector<std::uint32_t> place_;     // in eligible_, by Member::index
};

}  // namespace tandem::balance
