// SPDX-License-Identifier: Apache-2.0
#include "sync/wish_book.hpp"

#include <algorithm>
#include <tuple>

#include "balance/mix.hpp"

namespace tandem::sync {
namespace {

// Of two with one version: the one that stays is the greater one.
auto rank(const BackendWish::Drain& d) {
  return std::tuple(d.version, d.drained, d.node);
}
auto rank(const BackendWish::Weight& w) {
  return std::tuple(w.version, UINT16_MAX - w.weight, UINT16_MAX - w.configured, w.node);
}

bool says_the_same(const BackendWish::Drain& a, const BackendWish::Drain& b) {
  return a.drained == b.drained;
}
bool says_the_same(const BackendWish::Weight& a, const BackendWish::Weight& b) {
  return a.weight == b.weight && a.configured == b.configured;
}

template <class Setting>
Merged merge_one(Setting& here, const Setting& there) {
  if (rank(there) <= rank(here)) return Merged::known;
  const bool conflicts = here.version == there.version && !says_the_same(here, there);
  here = there;
  return conflicts ? Merged::conflicts : Merged::taken;
}

std::uint64_t hash_of(const BackendWish& wish) {
  std::vector<std::uint8_t> bytes;
  append(bytes, wish);
  std::uint64_t hash = bytes.size();
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t j = i; j < std::min(bytes.size(), i + 8); j++) word = word << 8 | bytes[j];
    hash = balance::mix(hash ^ word);
  }
  return hash;
}

}  // namespace

BackendWish* WishBook::at(const BackendKey& backend) {
  const auto known = wishes_.find(backend);
  if (known != wishes_.end()) return &known->second;
  if (wishes_.size() >= kMost) return nullptr;
  return &wishes_.emplace(backend, BackendWish{backend, {}, {}}).first->second;
}

bool WishBook::set_drained(const BackendKey& backend, bool drained, const std::string& node) {
  const BackendWish* known = find(backend);
  if (drained == (known != nullptr && known->drain.drained)) return true;
  BackendWish* wish = at(backend);
  if (wish != nullptr) wish->drain = {wish->drain.version + 1, drained, node};
  return wish != nullptr;
}

bool WishBook::set_weight(const BackendKey& backend, std::uint16_t weight, std::uint16_t configured,
                          const std::string& node) {
  const BackendWish* known = find(backend);
  const bool was_set = known != nullptr && known->weight.version > 0;
  if (was_set ? known->weight.weight == weight && known->weight.configured == configured
              : weight == configured)
    return true;
  BackendWish* wish = at(backend);
  if (wish != nullptr) wish->weight = {wish->weight.version + 1, weight, configured, node};
  return wish != nullptr;
}

Merged WishBook::merge(const BackendWish& wish) {
  if (wish.drain.version == 0 && wish.weight.version == 0) return Merged::known;
  BackendWish* here = at(wish.backend);
  if (here == nullptr) return Merged::no_room;
  return std::max(merge_one(here->drain, wish.drain), merge_one(here->weight, wish.weight));
}

const BackendWish* WishBook::find(const BackendKey& backend) const {
  const auto known = wishes_.find(backend);
  return known != wishes_.end() ? &known->second : nullptr;
}

std::vector<BackendWish> WishBook::all() const {
  std::vector<BackendWish> wishes;
  wishes.reserve(wishes_.size());
  for (const auto& [backend, wish] : wishes_) wishes.push_back(wish);
  return wishes;
}

std::uint64_t WishBook::sum() const {
  std::uint64_t sum = 0;
  for (const auto& [backend, wish] : wishes_) sum += hash_of(wish);
  return sum;
}

}  // namespace tandem::sync
