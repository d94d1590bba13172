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

struct Tag {
  std::uint16_t kind;
  std::uint32_t tag;
  std::uint16_t slot;
};

// false: a bucket overflows under this seed.
bool fill(td_steer& steer, std::uint64_t seed, const std::vector<Tag>& tags) {
  std::memset(&steer, 0, sizeof steer);
  steer.seed = seed;
  for (const Tag& t : tags) {
    auto& bucket = steer.bucket[td_bucket(seed, t.kind, t.tag)];
    auto* free = std::ranges::find(bucket, 0, &td_steer_entry::kind);
    if (free == std::end(bucket)) return false;
    *free = {t.tag, t.kind, t.slot};
  }
  return true;
}

td_vrouter to_record(const SteeredRouter& r, std::uint64_t lease_ns) {
  td_vrouter record{};
  record.lease_ns = lease_ns;
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

// Everything but the lease, which belongs to the VRRP thread, word by word.
void overwrite(td_vrouter& to, const td_vrouter& from) {
  auto* target = reinterpret_cast<__u64*>(&to);
  const auto* source = reinterpret_cast<const __u64*>(&from);
  for (std::size_t i = 1; i < sizeof(td_vrouter) / sizeof(__u64); i++) store(target[i], source[i]);
}

std::vector<Tag> make_tags(std::uint64_t seed, std::span<const SteeredRouter> routers,
                           std::span<const SteeredService> services,
                           const std::map<IpAddress, std::uint16_t>& vips) {
  std::vector<Tag> tags;
  for (const auto& [address, slot] : vips)
    tags.push_back({TD_KIND_VIP,
                    td_tag_vip(seed, static_cast<std::uint8_t>(address.family()),
                               address.bytes().data()),
                    slot});
  for (const auto& r : routers)
    if (r.virtual_mac)
      tags.push_back({TD_KIND_VMAC,
                      td_tag_vmac(seed, r.ifindex, r.vlan.data(),
                                  static_cast<std::uint8_t>(r.family), r.vrid),
                      r.slot});
  for (const auto& s : services)
    if (const auto vip = vips.find(s.address); vip != vips.end())
      tags.push_back({TD_KIND_SERVICE,
                      td_tag_service(vip->second, s.udp ? TD_PROTO_UDP : TD_PROTO_TCP, s.port), 0});
  return tags;
}

}  // namespace

Steering::Steering(td_tables& memory, Duration clock_resolution)
    : tables_(memory), clock_resolution_(clock_resolution) {}

void Steering::clear() {
  std::memset(&tables_, 0, sizeof tables_);
  vips_.clear();
}

std::uint16_t Steering::place_vip(const IpAddress& address, std::uint16_t router) {
  const auto known = vips_.find(address);
  std::uint16_t slot = 0;
  if (known != vips_.end())
    slot = known->second;
  else
    while (tables_.vip[slot].family != 0) slot++;
  td_vip record{};
  std::ranges::copy(address.bytes(), record.address);
  record.family = static_cast<std::uint8_t>(address.family());
  record.vrouter = router;
  auto* target = reinterpret_cast<__u64*>(&tables_.vip[slot]);
  const auto* source = reinterpret_cast<const __u64*>(&record);
  for (std::size_t i = 0; i < sizeof record / sizeof(__u64); i++) store(target[i], source[i]);
  vips_[address] = slot;
  return slot;
}

Result<void> Steering::publish(std::span<const SteeredRouter> routers,
                               std::span<const SteeredService> services) {
  std::set<IpAddress> wanted;
  for (const auto& r : routers) wanted.insert(r.addresses.begin(), r.addresses.end());
  std::set<IpAddress> all = wanted;
  for (const auto& [address, slot] : vips_) all.insert(address);
  if (all.size() > TD_MAX_VIPS)
    return fail("the steering table holds " + std::to_string(TD_MAX_VIPS) +
                " virtual addresses, old and new ones together; " + std::to_string(all.size()) +
                " were asked for");
  if (services.size() > TD_MAX_SERVICES)
    return fail("the steering table holds " + std::to_string(TD_MAX_SERVICES) + " services; " +
                std::to_string(services.size()) + " were asked for");

  std::vector<bool> used(TD_MAX_VROUTERS);
  for (const auto& r : routers) {
    used[r.slot] = true;
    overwrite(tables_.vrouter[r.slot], to_record(r, 0));
    for (const auto& address : r.addresses) place_vip(address, r.slot);
  }
  std::vector<std::uint16_t> gone;
  std::erase_if(vips_, [&](const auto& vip) {
    if (wanted.contains(vip.first)) return false;
    gone.push_back(vip.second);
    return true;
  });

  std::random_device random;
  td_steer& next = tables_.steer[1 - (tables_.active & 1)];
  std::uint64_t seed = 0;
  do {
    seed = std::uint64_t{random()} << 32 | random();
  } while (!fill(next, seed, make_tags(seed, routers, services, vips_)));
  store(tables_.active, 1 - (tables_.active & 1));

  for (const auto slot : gone) std::memset(&tables_.vip[slot], 0, sizeof(td_vip));
  for (std::size_t slot = 0; slot < used.size(); slot++)
    if (!used[slot]) std::memset(&tables_.vrouter[slot], 0, sizeof(td_vrouter));
  return {};
}

void Steering::grant_lease(std::uint16_t slot, MonotonicTime deadline) noexcept {
  store(tables_.vrouter[slot].lease_ns, to_ns(deadline - clock_resolution_));
}

void Steering::revoke_lease(std::uint16_t slot) noexcept {
  store(tables_.vrouter[slot].lease_ns, 0);
}

}  // namespace tandem::flow
