// SPDX-License-Identifier: Apache-2.0
#include "balance/affinity.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "balance/mix.hpp"

namespace tandem::balance {

IpAddress network_of(const IpAddress& client, std::uint8_t bits) noexcept {
  const auto size = client.bytes().size();
  if (bits == 0 || bits >= 8 * size) return client;
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(client.bytes().first((bits + 7U) / 8), bytes.begin());
  if (bits % 8 != 0) bytes[bits / 8] &= static_cast<std::uint8_t>(0xff00U >> bits % 8);
  if (client.is_v4()) return IpAddress::v4(std::span<const std::uint8_t, 16>(bytes).first<4>());
  return IpAddress::v6(bytes);
}

std::size_t Affinity::Hash::operator()(const IpAddress& client) const noexcept {
  std::uint64_t halves[2] = {};
  std::memcpy(halves, client.bytes().data(), client.bytes().size());
  return mix(mix(halves[0] ^ seed) ^ halves[1] ^ static_cast<std::uint64_t>(client.family()));
}

Affinity::Affinity(std::size_t capacity, Duration hold, std::uint64_t seed)
    : hold_(hold),
      buckets_(std::bit_ceil(capacity)),
      entries_(capacity),
      clients_(Clients::bucket_traits(buckets_.data(), buckets_.size()), Hash{seed}) {
  for (Entry& entry : entries_) by_use_.push_back(entry);
}

std::optional<std::uint16_t> Affinity::find(const IpAddress& client, MonotonicTime now) {
  const auto found = clients_.find(client);
  if (found == clients_.end() || found->until <= now) return std::nullopt;
  use(*found, found->slot, now);
  return found->slot;
}

std::optional<std::uint16_t> Affinity::peek(const IpAddress& client, MonotonicTime now) const {
  const auto found = clients_.find(client);
  if (found == clients_.end() || found->until <= now) return std::nullopt;
  return found->slot;
}

void Affinity::remember(const IpAddress& client, std::uint16_t slot, MonotonicTime now) {
  if (const auto found = clients_.find(client); found != clients_.end())
    return use(*found, slot, now);
  use(place_for(client, now), slot, now);
}

Affinity::Entry& Affinity::place_for(const IpAddress& client, MonotonicTime now) noexcept {
  Entry& entry = by_use_.front();
  if (entry.hashed && entry.until > now) evicted_++;
  unhash(entry);
  entry.client = client;
  entry.hashed = true;
  entry.told = MonotonicTime::min();
  clients_.insert(entry);
  return entry;
}

void Affinity::forget(std::uint16_t slot) {
  for (Entry& entry : entries_) {
    if (!entry.hashed || entry.slot != slot) continue;
    unhash(entry);
    by_use_.splice(by_use_.begin(), by_use_, by_use_.iterator_to(entry));
  }
}

void Affinity::use(Entry& entry, std::uint16_t slot, MonotonicTime now) noexcept {
  entry.slot = slot;
  entry.until = now + hold_;
  last_ = &entry;
  by_use_.splice(by_use_.end(), by_use_, by_use_.iterator_to(entry));
}

std::optional<Affinity::Client> Affinity::take_news(MonotonicTime now) noexcept {
  if (last_ == nullptr || !last_->hashed || last_->until != now + hold_) return std::nullopt;
  Entry& e = *last_;
  const bool known = e.told != MonotonicTime::min() && e.told_slot == e.slot;
  if (known && e.until - e.told < hold_ / 8) return std::nullopt;
  e.told_slot = e.slot;
  e.told = e.until;
  return Client{e.client, e.slot, e.until};
}

// The order of use is that of expiry for those alone that this node held itself: of the others, a
// full table may give away one that would have been held for longer.
void Affinity::adopt(const Client& client, bool replaces, MonotonicTime now) {
  const auto found = clients_.find(client.address);
  const bool is_held = found != clients_.end() && found->until > now;
  if (client.until <= now || (is_held && !replaces)) return;
  Entry& entry = found != clients_.end() ? *found : place_for(client.address, now);
  use(entry, client.slot, now);
  entry.until = std::min(entry.until, client.until);
}

void Affinity::unhash(Entry& entry) noexcept {
  if (entry.hashed) clients_.erase(clients_.iterator_to(entry));
  entry.hashed = false;
}

std::optional<std::uint16_t> pick(Scheduler& scheduler, Affinity& affinity, const IpAddress& client,
                                  const FlowHash& hash, MonotonicTime now) {
  if (const auto held = affinity.find(client, now); held && scheduler.eligible(*held)) {
    scheduler.charge(*held);
    return held;
  }
  const auto picked = scheduler.pick(hash, now);
  if (picked) affinity.remember(client, *picked, now);
  return picked;
}

}  // namespace tandem::balance
