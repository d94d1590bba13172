// SPDX-License-Identifier: Apache-2.0
#include "forward/hop_table.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

namespace tandem::forward {
namespace {

constexpr std::size_t kWords = sizeof(td_hop) / sizeof(std::uint64_t);
using Words = std::array<std::uint64_t, kWords>;

void store(std::uint64_t& word, std::uint64_t value) {
  std::atomic_ref(word).store(value, std::memory_order_release);
}

// The first word has the device.
void write(td_hop& to, const td_hop& hop) {
  static_assert(offsetof(td_hop, ifindex) == 0);
  const auto words = std::bit_cast<Words>(hop);
  auto* target = reinterpret_cast<std::uint64_t*>(&to);
  store(target[0], 0);
  for (std::size_t i = kWords; i-- > 0;) store(target[i], words[i]);
}

}  // namespace

std::size_t HopTable::Hash::operator()(const td_hop& hop) const noexcept {
  std::uint64_t hash = 0;
  for (const std::uint64_t word : std::bit_cast<Words>(hop))
    hash = std::rotl((hash ^ word) * 0x9e3779b97f4a7c15U, 29);
  return hash;
}

bool HopTable::Same::operator()(const td_hop& a, const td_hop& b) const noexcept {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

HopTable::HopTable(std::span<td_hop> memory)
    : memory_(memory),
      buckets_(std::bit_ceil(memory.size())),
      entries_(memory.size()),
      known_(Known::bucket_traits(buckets_.data(), buckets_.size())) {
  for (std::size_t number = 1; number < entries_.size(); number++)
    free_.push_back(entries_[number]);
}

HopTable::~HopTable() {
  known_.clear();
  free_.clear();
}

void HopTable::take(Entry& entry, const td_hop& hop) {
  free_.erase(free_.iterator_to(entry));
  entry.hop = hop;
  entry.users = 1;
  known_.insert(entry);
  used_++;
}

std::optional<std::uint16_t> HopTable::acquire(const td_hop& hop) {
  if (const auto found = known_.find(hop); found != known_.end()) {
    found->users++;
    return number_of(*found);
  }
  if (free_.empty()) return std::nullopt;
  Entry& entry = free_.front();
  take(entry, hop);
  write(memory_[number_of(entry)], hop);
  return number_of(entry);
}

void HopTable::release(std::uint16_t number) {
  if (number == 0) return;
  Entry& entry = entries_[number];
  if (--entry.users != 0) return;
  write(memory_[number], td_hop{});
  known_.erase(known_.iterator_to(entry));
  free_.push_back(entry);
  used_--;
}

void HopTable::adopt() {
  for (std::size_t number = 1; number < entries_.size(); number++) {
    if (memory_[number].ifindex == 0) continue;
    if (known_.find(memory_[number]) != known_.end()) {  // twice: not by us
      write(memory_[number], td_hop{});
      continue;
    }
    take(entries_[number], memory_[number]);
    adopted_.push_back(static_cast<std::uint16_t>(number));
  }
}

void HopTable::let_go() {
  for (const std::uint16_t number : adopted_) release(number);
  adopted_.clear();
}

bool HopTable::hold(std::uint16_t number) {
  if (number == 0 || number >= entries_.size() || entries_[number].users == 0) return false;
  entries_[number].users++;
  return true;
}

}  // namespace tandem::forward
