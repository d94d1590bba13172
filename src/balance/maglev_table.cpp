// SPDX-License-Identifier: Apache-2.0
#include "balance/maglev_table.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <tuple>

#include "balance/mix.hpp"

namespace tandem::balance {
namespace {

constexpr std::size_t kEntriesPerBackend = 100;
// The largest primes below 2^10, 2^12, ... 2^22, and 2^23.
constexpr std::array<std::size_t, 8> kSizes = {1021,   4093,    16381,   65521,
                                               262139, 1048573, 4194301, 8388593};

constexpr std::uint16_t kFree = std::numeric_limits<std::uint16_t>::max();

// A backend's way through all entries: from a start on, by a stride that a prime size makes visit
// every entry once.
class Permutation {
 public:
  Permutation(std::uint64_t identity, std::size_t size)
      : at_(static_cast<std::uint32_t>(mix(identity) % size)),
        stride_(static_cast<std::uint32_t>(mix(~identity) % (size - 1) + 1)) {}

  // The first free entry that was not passed yet. There must be one.
  std::size_t next_free(std::span<const std::uint16_t> entries) noexcept {
    const auto size = static_cast<std::uint32_t>(entries.size());
    for (;;) {
      const std::uint32_t entry = at_;
      at_ += stride_;
      if (at_ >= size) at_ -= size;
      if (entries[entry] == kFree) return entry;
    }
  }

 private:
  std::uint32_t at_, stride_;
};

struct Taker {
  Permutation permutation;
  std::uint64_t weight;
  std::uint64_t taken = 0;
};

// Entries by the index of their taker.
std::vector<std::uint16_t> deal(std::vector<Taker>& takers, std::size_t size) {
  std::vector<std::uint16_t> entries(size, kFree);
  std::uint64_t all_weight = 0;
  for (const Taker& taker : takers) all_weight += taker.weight;

  std::size_t free = size;
  for (std::uint64_t round = 1; free > 0; round++) {
    for (std::size_t i = 0; i < takers.size(); i++) {
      Taker& taker = takers[i];
      // A round deals one entry for each taker on average; rounded up, so that nobody gets none.
      const std::uint64_t dealt = round * takers.size() * taker.weight;
      const std::uint64_t entitled = (dealt + all_weight - 1) / all_weight;
      for (; taker.taken < entitled && free > 0; taker.taken++, free--)
        entries[taker.permutation.next_free(entries)] = static_cast<std::uint16_t>(i);
    }
  }
  return entries;
}

}  // namespace

MaglevTable::MaglevTable(std::vector<Candidate> candidates, std::size_t size) {
  if (candidates.empty()) return;
  assert(candidates.size() <= kFree && candidates.size() < size);
  assert(size <= std::numeric_limits<std::uint32_t>::max() / 2);
  std::ranges::sort(candidates, {},
                    [](const Candidate& c) { return std::tuple(c.identity, c.slot); });
  std::vector<Taker> takers;
  takers.reserve(candidates.size());
  for (const Candidate& c : candidates) {
    assert(c.weight > 0);
    takers.push_back({Permutation(c.identity, size), c.weight});
  }
  slots_ = deal(takers, size);
  for (std::uint16_t& entry : slots_) entry = candidates[entry].slot;
}

std::size_t MaglevTable::size_for(std::size_t backends) noexcept {
  const auto found = std::ranges::lower_bound(kSizes, backends * kEntriesPerBackend);
  return found == kSizes.end() ? kSizes.back() : *found;
}

}  // namespace tandem::balance
