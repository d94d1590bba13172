// SPDX-License-Identifier: Apache-2.0
#include "flow/steering.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <set>
#include <string>

#include "base/random.hpp"
#include "flow/flow_word.hpp"
#include "tandem/steer.h"

namespace tandem::flow {
namespace {

// The leases and sockets_ns, which belong to the VRRP thread, and what set_peer_sockets() says are a
// router's first words.
constexpr std::size_t kLeaseWords = 5;
// The token bucket, which belongs to the data path, is an address's first.
constexpr std::size_t kBudgetWords = 1;

// One seed in seven does for tables that are full, nearly any for usual ones.
constexpr int kSeedsToTry = 1000;

struct Tag {
  std::uint16_t kind;
  std::uint32_t tag;
  std::uint16_t slot;
};

// false: under this seed a bucket overflows, or hides one record behind another of the same tag.
bool fill(td_steer_table& steer, std::uint64_t seed, const std::vector<Tag>& tags) {
  std::memset(&steer, 0, sizeof steer);
  steer.seed = seed;
  for (const Tag& t : tags) {
    const std::uint64_t key = td_steer_key(t.kind, t.tag);
    auto* entry = std::begin(steer.bucket[td_bucket(seed, t.kind, t.tag)]);
    const auto* end = entry + TD_BUCKET_ENTRIES;
    for (; entry != end && *entry != 0; entry++)
      if (*entry >> 16 == key) return false;
    if (entry == end) return false;
    *entry = td_steer_entry(key, t.slot);
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

td_vip to_record(const IpAddress& address, std::uint16_t router, std::uint8_t flags) {
  td_vip record{};
  record.flags = flags;
  std::ranges::copy(address.bytes(), record.address);
  record.family = static_cast<std::uint8_t>(address.family());
  record.vrouter = router;
  return record;
}

td_service to_record(const SteeredService& s, std::uint16_t router, std::uint64_t picks) {
  td_service record{};
  std::ranges::copy(s.address.bytes(), record.address);
  record.family = static_cast<std::uint8_t>(s.address.family());
  record.protocol = s.udp ? TD_PROTO_UDP : TD_PROTO_TCP;
  record.port = s.port;
  record.mode = static_cast<std::uint8_t>(s.mode);
  record.flags = static_cast<std::uint8_t>((s.by_source ? TD_SERVICE_BY_SOURCE : 0) |
                                           (s.routes_strays ? TD_SERVICE_ROUTES_STRAYS : 0));
  record.vrouter = router;
  record.picks = picks;
  std::ranges::copy(s.sources, record.source);
  record.sources = static_cast<std::uint8_t>(s.sources.size());
  return record;
}

// Word by word, but for the first `skip`.
template <class Record>
void overwrite(Record& to, const Record& from, std::size_t skip = 0) {
  auto* target = reinterpret_cast<__u64*>(&to);
  const auto* source = reinterpret_cast<const __u64*>(&from);
  for (std::size_t i = skip; i < sizeof(Record) / sizeof(__u64); i++) store(target[i], source[i]);
}

void write_address(__u8 (&to)[16], const IpAddress& address) {
  std::array<__u64, 2> words{};
  std::memcpy(words.data(), address.bytes().data(), address.bytes().size());
  auto* target = reinterpret_cast<__u64*>(to);
  for (std::size_t i = 0; i < words.size(); i++) store(target[i], words[i]);
}

std::uint8_t family_of(const IpAddress& address) {
  return static_cast<std::uint8_t>(address.family());
}

std::optional<IpAddress> address_of(const td_vip& vip) {
  const std::span bytes(vip.address);
  if (vip.family == TD_IPV4) return IpAddress::v4(bytes.first<4>());
  if (vip.family == TD_IPV6) return IpAddress::v6(bytes.first<16>());
  return std::nullopt;
}

void add_router_tags(std::vector<Tag>& tags, std::uint64_t seed,
                     std::span<const SteeredRouter> routers,
                     const std::map<IpAddress, std::uint16_t>& vips) {
  for (const auto& [address, slot] : vips)
    tags.push_back(
        {TD_KIND_VIP, td_tag_vip(seed, family_of(address), address.bytes().data()), slot});
  for (const auto& r : routers)
    if (r.virtual_mac)
      tags.push_back(
          {TD_KIND_VMAC,
           td_tag_vmac(seed, r.ifindex, r.vlan.data(), static_cast<std::uint8_t>(r.family), r.vrid),
           r.slot});
}

// A service's tag is exact, and one that is said twice is still one: the last word counts.
void add_service_tags(std::vector<Tag>& tags, std::span<const SteeredService> services,
                      const std::map<IpAddress, std::uint16_t>& vips) {
  std::map<std::uint32_t, std::uint16_t> numbers;
  for (const auto& s : services)
    if (const auto vip = vips.find(s.address); vip != vips.end())
      numbers[td_tag_service(vip->second, s.udp ? TD_PROTO_UDP : TD_PROTO_TCP, s.port)] =
          s.number != 0 ? s.number : static_cast<std::uint16_t>(TD_LOCAL | s.counted_in);
  for (const auto& [tag, number] : numbers) tags.push_back({TD_KIND_SERVICE, tag, number});
}

void add_reply_tags(std::vector<Tag>& tags, std::uint64_t seed, const SteeredReplies& replies) {
  for (const auto& b : replies.backends)
    tags.push_back({TD_KIND_BACKEND,
                    td_tag_backend(seed, family_of(b.address), b.address.bytes().data(),
                                   b.udp ? TD_PROTO_UDP : TD_PROTO_TCP, b.port),
                    b.slot});
  for (const auto& s : replies.sources)
    tags.push_back(
        {TD_KIND_SOURCE, td_tag_vip(seed, family_of(s.address), s.address.bytes().data()), s.slot});
}

// Each once, the host's first.
SteeredHost completed(const SteeredHost& host, std::span<const SteeredRouter> routers,
                      const std::set<IpAddress>& vips) {
  SteeredHost all;
  all.any_mac = host.any_mac;
  std::set<SteeredHost::Mac> seen;
  const auto add = [&](const SteeredHost::Mac& mac) {
    if (seen.insert(mac).second) all.macs.push_back(mac);
  };
  for (const auto& mac : host.macs) add(mac);
  for (const auto& r : routers) add({r.ifindex, r.interface_mac});
  std::set<IpAddress> addresses = vips;
  for (const auto& address : host.addresses)
    if (addresses.size() < TD_MAX_OWN) addresses.insert(address);
  all.addresses.assign(addresses.begin(), addresses.end());
  return all;
}

void add_host_tags(std::vector<Tag>& tags, std::uint64_t seed, const SteeredHost& host) {
  for (const auto& m : host.macs)
    tags.push_back({TD_KIND_MAC, td_tag_mac(seed, m.ifindex, m.mac.bytes.data()), 0});
  for (std::size_t i = 0; i < host.addresses.size(); i++)
    tags.push_back(
        {TD_KIND_OWN,
         td_tag_vip(seed, family_of(host.addresses[i]), host.addresses[i].bytes().data()),
         static_cast<std::uint16_t>(i)});
}

Result<void> check_limits(std::span<const SteeredRouter> routers,
                          std::span<const SteeredService> services, const SteeredReplies& replies,
                          std::size_t addresses) {
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
  for (const auto& s : services)
    if (s.number >= TD_MAX_SERVICES || s.counted_in >= TD_MAX_BACKENDS ||
        s.sources.size() > TD_SERVICE_SOURCES)
      return fail("the steering table has no service " + std::to_string(s.number) + " with " +
                  std::to_string(s.sources.size()) + " source addresses");
  for (const auto& b : replies.backends)
    if (b.slot >= TD_MAX_BACKENDS)
      return fail("the steering table holds " + std::to_string(TD_MAX_BACKENDS) +
                  " backends; there is no slot " + std::to_string(b.slot));
  for (const auto& s : replies.sources)
    if (s.slot >= TD_MAX_SOURCES)
      return fail("the steering table holds " + std::to_string(TD_MAX_SOURCES) +
                  " source addresses; there is no slot " + std::to_string(s.slot));
  return {};
}

}  // namespace

Steering::Steering(td_tables& memory, SeedSource seeds)
    : tables_(memory), seeds_(seeds ? std::move(seeds) : random_word) {}

void Steering::close_all() {
  for (td_vrouter& router : tables_.vrouter) {
    store(router.lease_jiffies, 0);
    store(router.lease_ns, 0);
    store(router.sockets_ns, 0);
    store(router.peer_ns, 0);
  }
  for (td_service& service : tables_.service) store(service.picks, 0);
  store(tables_.capture_until_ns, 0);
  vips_.clear();
  for (std::size_t slot = 0; slot < std::size(tables_.vip); slot++) {
    if (const auto address = address_of(tables_.vip[slot]))
      vips_[*address] = static_cast<std::uint16_t>(slot);
    store(tables_.vip[slot].budget_ns, 0);
  }
  if (vips_.size() <= TD_MAX_VIPS / 2) return;
  std::memset(&tables_, 0, sizeof tables_);  // others might find no room beside so many
  vips_.clear();
}

std::map<IpAddress, MonotonicTime> Steering::kept_sockets(MonotonicTime now) const {
  std::map<IpAddress, MonotonicTime> kept;
  for (const td_vip& vip : tables_.vip) {
    const auto address = address_of(vip);
    if (!address) continue;
    const auto until = td_load_ordered(&td_vrouter_at(&tables_, vip.vrouter)->sockets_ns);
    if (until > to_ns(now)) kept[*address] = from_ns(until);
  }
  return kept;
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
                               std::span<const SteeredService> services,
                               const SteeredReplies& replies, const SteeredHost& host) {
  std::set<IpAddress> wanted;
  for (const auto& r : routers) wanted.insert(r.addresses.begin(), r.addresses.end());
  std::set<IpAddress> all = wanted;
  for (const auto& [address, slot] : vips_) all.insert(address);
  if (auto fits = check_limits(routers, services, replies, all.size()); !fits) return fits;

  const Slots placed = place(wanted);
  const SteeredHost whole = completed(host, routers, wanted);
  const auto make_tags = [&](std::uint64_t seed) {
    std::vector<Tag> tags;
    add_router_tags(tags, seed, routers, placed);
    add_service_tags(tags, services, placed);
    add_reply_tags(tags, seed, replies);
    add_host_tags(tags, seed, whole);
    return tags;
  };
  std::atomic_thread_fence(std::memory_order_seq_cst);  // after the last switch, see td_find()
  td_steer_table& next = tables_.steer[1 - (tables_.layout & 1)];
  int tries = 0;
  for (std::uint64_t seed = seeds_(); !fill(next, seed, make_tags(seed)); seed = seeds_())
    if (++tries == kSeedsToTry)
      return fail(
          "the steering table cannot tell the virtual routers apart: each needs a VRID that no "
          "other of its family has on its interface");

  write(routers, services, replies, placed);
  write(whole, !replies.backends.empty(), !replies.sources.empty());
  store(tables_.layout, tables_.layout + 1);
  forget_all_but(routers, services, placed);
  vips_ = placed;
  return {};
}

// The records that the tags of the next layout lead to.
void Steering::write(std::span<const SteeredRouter> routers,
                     std::span<const SteeredService> services, const SteeredReplies& replies,
                     const Slots& placed) {
  std::map<IpAddress, std::uint8_t> flags;
  std::map<IpAddress, std::uint16_t> router_of;
  for (const auto& s : services)
    if (s.number != 0) flags[s.address] |= TD_VIP_FORWARDS;
  for (const auto& s : replies.sources) flags[s.address] |= TD_VIP_SOURCE;
  for (const auto& r : routers) {
    overwrite(tables_.vrouter[r.slot], to_record(r), kLeaseWords);
    write_address(tables_.asks_as[r.slot], r.asks_as);
    keeps_sockets_[r.slot] = r.keeps_sockets.count();
    for (const auto& address : r.addresses) {
      router_of[address] = r.slot;
      overwrite(tables_.vip[placed.at(address)], to_record(address, r.slot, flags[address]),
                kBudgetWords);
    }
  }
  for (const auto& s : services)
    if (const auto router = router_of.find(s.address); s.number != 0 && router != router_of.end())
      overwrite(tables_.service[s.number],
                to_record(s, router->second, tables_.service[s.number].picks));
  for (const auto& s : replies.sources) write_address(tables_.source[s.slot], s.address);
}

// An address that leaves its slot may be taken for a client's until the switch, and no other for
// it: records are compared in full.
void Steering::write(const SteeredHost& host, bool has_nat, bool has_fullnat) {
  std::array<td_device, TD_MAX_DEVICES> devices{};
  for (const auto& m : host.macs) {
    td_device& device = devices[m.ifindex % TD_MAX_DEVICES];
    if (device.ifindex != 0) continue;
    device.ifindex = m.ifindex;
    std::ranges::copy(m.mac.bytes, device.mac);
  }
  for (std::size_t i = 0; i < devices.size(); i++) overwrite(tables_.device[i], devices[i]);
  for (std::size_t i = 0; i < host.addresses.size(); i++)
    write_address(tables_.own[i], host.addresses[i]);
  std::uint64_t flags = 0;
  if (has_nat) flags |= TD_HAS_NAT;
  if (has_fullnat) flags |= TD_HAS_FULLNAT;
  if (host.any_mac) flags |= TD_ANY_MAC;
  store(tables_.flags, flags);
}

void Steering::forget_all_but(std::span<const SteeredRouter> routers,
                              std::span<const SteeredService> services, const Slots& placed) {
  std::vector<bool> used(TD_MAX_VROUTERS), used_services(TD_MAX_SERVICES);
  for (const auto& r : routers) used[r.slot] = true;
  for (const auto& s : services) used_services[s.number] = true;
  for (std::size_t slot = 0; slot < used.size(); slot++)
    if (!used[slot]) overwrite(tables_.vrouter[slot], td_vrouter{});
  for (std::size_t number = 1; number < used_services.size(); number++)
    if (!used_services[number]) overwrite(tables_.service[number], td_service{});
  for (const auto& [address, slot] : vips_)
    if (!placed.contains(address)) overwrite(tables_.vip[slot], td_vip{});
}

void Steering::set_picks(std::uint16_t service, std::uint32_t first_block,
                         std::uint32_t entries) noexcept {
  store(tables_.service[service].picks,
        entries == 0 ? 0 : std::uint64_t{first_block} << 32 | entries);
}

void Steering::set_budget(std::uint32_t new_per_second, Duration burst) noexcept {
  store(tables_.budget_cost_ns, 1'000'000'000U / std::max(new_per_second, 1U));
  store(tables_.budget_burst_ns, static_cast<std::uint64_t>(burst / std::chrono::nanoseconds(1)));
  store(tables_.error_cost_ns, std::uint64_t{TD_ERROR_COST_NS});
}

void Steering::set_errors(std::uint32_t per_second) noexcept {
  store(tables_.error_cost_ns, 1'000'000'000U / std::max(per_second, 1U));
}

// A reader that sees the deadline sees the MAC that it goes with, or the one before.
void Steering::set_peer_sockets(std::uint16_t slot, const std::optional<PeerSockets>& at) noexcept {
  td_vrouter& router = tables_.vrouter[slot];
  if (at) store(router.peer_mac, td_mac_word(at->mac.bytes.data()));
  store(router.peer_ns, at ? to_ns(at->until) : 0);
}

void Steering::grant_lease(std::uint16_t slot, MonotonicTime deadline) noexcept {
  const Duration keeps(keeps_sockets_[slot].load(std::memory_order_relaxed));
  store(tables_.vrouter[slot].sockets_ns, keeps == Duration{} ? 0 : to_ns(deadline + keeps));
  if (clock_) store(tables_.vrouter[slot].lease_jiffies, clock_->at(deadline));
  store(tables_.vrouter[slot].lease_ns, to_ns(deadline));
}

void Steering::keep_sockets(std::uint16_t slot, MonotonicTime until) noexcept {
  store(tables_.vrouter[slot].sockets_ns, to_ns(until));
}

void Steering::revoke_lease(std::uint16_t slot, MonotonicTime now) noexcept {
  const Duration keeps(keeps_sockets_[slot].load(std::memory_order_relaxed));
  store(tables_.vrouter[slot].sockets_ns, keeps == Duration{} ? 0 : to_ns(now + keeps));
  store(tables_.vrouter[slot].lease_jiffies, 0);
  store(tables_.vrouter[slot].lease_ns, 0);
}

}  // namespace tandem::flow
