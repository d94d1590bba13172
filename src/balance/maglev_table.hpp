// SPDX-License-Identifier: Apache-2.0
// Maglev's lookup table (Eisenbud et al., "Maglev: A fast and reliable software network load
// balancer", NSDI 2016, 3.4), with weights.
//
// A hash leads to an entry, an entry names a backend. Every backend has a permutation of the
// entries of its own, made from its identity alone; in rounds, the backends take the first entries
// of theirs that are free, in a round as many as its weight entitles it to. So the table depends on
// identities and weights and on nothing else: not on slots, order or history, and two nodes that
// see the same backends have the same table. A backend less gives its share to the others and
// moves few flows between those.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tandem::balance {

class MaglevTable {
 public:
  struct Candidate {
    std::uint64_t identity = 0;
    std::uint16_t weight = 0;  // above 0
    std::uint16_t slot = 0;
  };

  MaglevTable() = default;  // no entries

  // size: a prime above the number of candidates, which are 65,535 at most. The share of each is
  // that of its weight, rounded to entries, and one entry at least. Takes about 15 memory accesses
  // an entry: milliseconds, so not for a thread that forwards.
  MaglevTable(std::vector<Candidate> candidates, std::size_t size);

  // A prime of 100 entries for each backend and more, from a few that are far apart: where a set
  // of backends grows across one of these steps, most flows would move.
  [[nodiscard]] static std::size_t size_for(std::size_t backends) noexcept;

  // The slots of the backends by entry; empty if there were no candidates.
  [[nodiscard]] std::span<const std::uint16_t> slots() const noexcept { return slots_; }

  // The entry of a hash in a table of this size: the upper 32 bits of the hash, scaled. Whoever
  // reads the table elsewhere has to do the same.
  [[nodiscard]] static constexpr std::size_t entry_of(std::uint64_t hash,
                                                      std::size_t size) noexcept {
    return static_cast<std::size_t>((hash >> 32) * size >> 32);
  }

 private:
  std::vector<std::uint16_t> slots_;
};

}  // namespace tandem::balance
