// SPDX-License-Identifier: Apache-2.0
#include "flow/steering.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <set>
#include <string>

#include "tandem/steer.h"

namespace tandem::flow {
namespace {

void store(__u64& word, std::uint64_t value) {
  std::atomic_ref<unsigned long long>(word).store(value, std::memory_order_release);
}

// The leases, which belong to the VRRP thread, are a router's first words.
constexpr std::size_t kLeaseWords = 2;

// One seed in seven does for tables that are full, nearly any for usual ones.
constexpr int kSeedsToTry = 1000;

struct Tag {
  std::uint16_t kind;
  std::uint32_t tag;
  std::uint16_t slot;
};

// false: under this seed a bucket overflows, or hides one record behind another of the same tag.
bool fill(td_steer& steer, std::uint64_t seed, const std::vector<Tag>& tags) {
  std::memset(&steer, 0, sizeof steer);
  steer.seed = seed;
  for (const Tag& t : tags) {
    auto* entry = std::begin(steer.bucket[td_bucket(seed, t.kind, t.tag)]);
    const auto* end = entry + TD_BUCKET_ENTRIES;
    for (; entry != end && entry->kind != 0; entry++)
      if (entry->kind == t.kind && entry->tag == t.tag) return false;
    if (entry == end) return false;
    *entry = {t.tag, t.kind, t.slot};
  }
  return true;
}

td_vrouter to_record(const SteeredRouter& r) {
  td_vrouter record{};
  record.ifindex = r.ifindex;
  std::ranges::copy(r.vlan, record.vlan);
  record.family = static_cast<std::uint8_t>(r.family);
  record.vrid = r.vrid;
  record.flags = static_cast<std::uint8_t>((r.accept ? TD_VR_ACCEPT : 0) |
                                           (r.virtual_mac ? TD_VR_VIRTUAL_MAC : 0));
  std::ranges::copy(r.interface_mac.bytes, record.interface_mac);
  std::ranges::copy(virtual_mac(r.family, r.vrid).bytes, record.virtual_mac);
  return record;
}

td_vip to_record(const IpAddress& address, std::uint16_t router) {
  td_vip record{};
  std::ranges::copy(address.bytes(), record.address);
  record.family = static_cast<std::uint8_t>(address.family());
  record.vrouter = router;
  return record;
}

// Word by word, but for the first `skip`.
template <class Record>
void overwrite(Record& to, const Record& from, std::size_t skip = 0) {
  auto* target = reinterpret_cast<__u64*>(&to);
  const auto* source = reinterpret_cast<const __u64*>(&from);
  for (std::size_t i = skip; i < sizeof(Record) / sizeof(__u64); i++) store(target[i], source[i]);
}

std::vector<Tag> make_tags(std::uint64_t seed, std::span<const SteeredRouter> routers,
                           std::span<const SteeredService> services,
                           const std::map<IpAddress, std::uint16_t>& vips) {
  std::vector<Tag> tags;
  std::set<std::uint32_t> service_tags;  // exact, and one that is said twice is still one
  for (const auto& [address, slot] : vips)
    tags.push_back(
        {TD_KIND_VIP,
         td_tag_vip(seed, static_cast<std::uint8_t>(address.family()), address.bytes().data()),
         slot});
  for (const auto& r : routers)
    if (r.virtual_mac)
      tags.push_back(
          {TD_KIND_VMAC,
           td_tag_vmac(seed, r.ifindex, r.vlan.data(), static_cast<std::uint8_t>(r.family), r.vrid),
           r.slot});
  for (const auto& s : services)
    if (const auto vip = vips.find(s.address); vip != vips.end())
      service_tags.insert(td_tag_service(vip->second, s.udp ? TD_PROTO_UDP : TD_PROTO_TCP, s.port));
  for (const auto tag : service_tags) tags.push_back({TD_KIND_SERVICE, tag, 0});
  return tags;
}

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

Result<void> check_limits(std::span<const SteeredRouter> routers,
                          std::span<const SteeredService> services, std::size_t addresses) {
  for (const auto& r : routers)
    if (r.slot >= TD_MAX_VROUTERS)
      return fail("the steering table holds " + std::to_string(TD_MAX_VROUTERS) +
                  " virtual routers; there is no slot " + std::to_string(r.slot));
  if (addresses > TD_MAX_VIPS)
    return fail("the steering table holds " + std::to_string(TD_MAX_VIPS) +
                " virtual addresses, old and new ones together; " + std::to_string(addresses) +
                " were asked for");
  if (services.size() > TD_MAX_SERVICES)
    return fail("the steering table holds " + std::to_string(TD_MAX_SERVICES) + " services; " +
                std::to_string(services.size()) + " were asked for");
  return {};
}

}  // namespace

Steering::Steering(td_tables& memory, SeedSource seeds)
    : tables_(memory), seeds_(seeds ? std::move(seeds) : random_seed) {}

void Steering::clear() {
  std::memset(&tables_, 0, sizeof tables_);
  vips_.clear();
}

// Known addresses stay where they are; new ones get slots that no address has, going ones included.
Steering::Slots Steering::place(const std::set<IpAddress>& addresses) const {
  std::vector<bool> taken(TD_MAX_VIPS);
  for (const auto& [address, slot] : vips_) taken[slot] = true;
  Slots placed;
  std::uint16_t free = 0;
  for (const auto& address : addresses) {
    if (const auto known = vips_.find(address); known != vips_.end()) {
      placed[address] = known->second;
      continue;
    }
    while (taken[free]) free++;
    placed[address] = free++;
  }
  return placed;
}

Result<void> Steering::publish(std::span<const SteeredRouter> routers,
                               std::span<const SteeredService> services) {
  std::set<IpAddress> wanted;
  for (const auto& r : routers) wanted.insert(r.addresses.begin(), r.addresses.end());
  std::set<IpAddress> all = wanted;
  for (const auto& [address, slot] : vips_) all.insert(address);
  if (auto fits = check_limits(routers, services, all.size()); !fits) return fits;

  const Slots placed = place(wanted);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // after the last switch, see td_find()
  td_steer& next = tables_.steer[1 - (tables_.layout & 1)];
  int tries = 0;
  for (std::uint64_t seed = seeds_(); !fill(next, seed, make_tags(seed, routers, services, placed));
       seed = seeds_())
    if (++tries == kSeedsToTry)
      return fail(
          "the steering table cannot tell the virtual routers apart: each needs a VRID that no "
          "other of its family has on its interface");

  for (const auto& r : routers) {
    overwrite(tables_.vrouter[r.slot], to_record(r), kLeaseWords);
    for (const auto& address : r.addresses)
      overwrite(tables_.vip[placed.at(address)], to_record(address, r.slot));
  }
  store(tables_.layout, tables_.layout + 1);
  forget_all_but(routers, placed);
  vips_ = placed;
  return {};
}

void Steering::forget_all_but(std::span<const SteeredRouter> routers, const Slots& placed) {
  std::vector<bool> used(TD_MAX_VROUTERS);
  for (const auto& r : routers) used[r.slot] = true;
  for (std::size_t slot = 0; slot < used.size(); slot++)
    if (!used[slot]) overwrite(tables_.vrouter[slot], td_vrouter{});
  for (const auto& [address, slot] : vips_)
    if (!placed.contains(address)) overwrite(tables_.vip[slot], td_vip{});
}

void Steering::grant_lease(std::uint16_t slot, MonotonicTime deadline) noexcept {
  store(tables_.vrouter[slot].lease_ns, to_ns(deadline));
}

void Steering::revoke_lease(std::uint16_t slot) noexcept {
  store(tables_.vrouter[slot].lease_ns, 0);
}

}  // namespace tandem::flow
