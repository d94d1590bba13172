// SPDX-License-Identifier: Apache-2.0
#include "netlink/addresses.hpp"

#include <linux/if_addr.h>

#include <algorithm>

#include "netlink/address_request.hpp"

namespace tandem::netlink {
namespace {

std::string place_name(const std::string& device, const IpPrefix& prefix) {
  return prefix.to_string() + " on " + device;
}

void collect(const Result<void>& outcome, std::string& problems) {
  if (outcome) return;
  if (!problems.empty()) problems += "; ";
  problems += outcome.error().message;
}

Result<void> without_value(const Result<bool>& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

Result<void> result_of(std::string problems) {
  if (problems.empty()) return {};
  return fail(std::move(problems));
}

}  // namespace

// In the upper half: the kernel's own numbers are small.
std::uint8_t protocol_number(std::string_view pin_directory) {
  std::uint32_t hash = 2166136261;  // FNV-1a
  for (const char c : pin_directory) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619;
  return static_cast<std::uint8_t>(0x80 | (hash >> 16 & 0x7f));
}

bool is_only_own(const Device& device, const IpAddress& address,
                 const std::set<IpAddress>& virtuals, std::uint8_t protocol) {
  const auto is_here = [&](const InterfaceAddress& a) { return a.prefix.address == address; };
  const auto here = std::ranges::find_if(device.addresses, is_here);
  if (here == device.addresses.end() || here->protocol == protocol || address.is_link_local())
    return false;
  return std::ranges::none_of(device.addresses, [&](const InterfaceAddress& a) {
    const IpAddress& other = a.prefix.address;
    return other != address && other.family() == address.family() && !other.is_link_local() &&
           a.protocol != protocol && !virtuals.contains(other);
  });
}

Result<Addresses> Addresses::open(std::uint8_t protocol) {
  auto feed = LinkFeed::open();
  if (!feed) return std::unexpected(feed.error());
  return Addresses(std::move(*feed), protocol);
}

// ---- What owners ask for -----------------------------------------------------------------------

Result<void> Addresses::install(const std::string& owner, const std::vector<DeviceAddress>& wanted,
                                MonotonicTime now) {
  std::string problems;
  LinkChanges ignored;
  if (auto pulled = feed_.pull(ignored); !pulled) collect(pulled, problems);
  std::set<Place> places;
  for (const auto& address : wanted) {
    if (const auto label = check_label(address.device, address.prefix, address.label); !label) {
      collect(label, problems);
      continue;
    }
    places.emplace(address.device, address.prefix);
  }
  disown(owner, places, problems);
  for (const auto& address : wanted) {
    const Place place{address.device, address.prefix};
    if (!places.contains(place)) continue;
    relabel(address, problems);
    auto& entry = wanted_[place];
    entry.owners.insert(owner);
    entry.label = address.label;
    if (missing(place))
      collect(without_value(put(place, entry, now)), problems);
    else if (!feed_.table().find(address.device))
      collect(fail(place_name(address.device, address.prefix) +
                   ": the interface does not exist; the address is added when it appears"),
              problems);
  }
  process(now);
  return result_of(std::move(problems));
}

Result<void> Addresses::remove(const std::string& owner) {
  std::string problems;
  disown(owner, {}, problems);
  return result_of(std::move(problems));
}

std::set<IpAddress> Addresses::of_others() {
  LinkChanges ignored;
  std::string problems;
  if (auto pulled = feed_.pull(ignored); !pulled) collect(pulled, problems);
  std::set<IpAddress> others;
  for (const auto& [ifindex, device] : feed_.table().devices())
    for (const auto& address : device.addresses)
      if (address.protocol != protocol_) others.insert(address.prefix.address);
  return others;
}

Result<void> Addresses::sweep(const std::vector<DeviceAddress>& leftovers,
                              const std::set<IpAddress>& kept) {
  LinkChanges ignored;
  std::string problems;
  if (auto pulled = feed_.pull(ignored); !pulled) collect(pulled, problems);
  std::set<IpAddress> virtuals;
  for (const auto& leftover : leftovers) virtuals.insert(leftover.prefix.address);
  std::set<Place> found;
  for (const auto& [ifindex, device] : feed_.table().devices())
    for (const auto& address : device.addresses)
      if (address.protocol == protocol_) found.emplace(device.name, address.prefix);
  for (const auto& leftover : leftovers) {
    const auto* device = feed_.table().find(leftover.device);
    if (!device) continue;
    if (is_only_own(*device, leftover.prefix.address, virtuals, protocol_)) {
      collect(fail(place_name(leftover.device, leftover.prefix) +
                   " is a virtual address, and the only own one of the interface: it stays"),
              problems);
      continue;
    }
    for (const auto& address : device->addresses)
      if (address.prefix.address == leftover.prefix.address)
        found.emplace(device->name, address.prefix);
  }
  for (const auto& [device, prefix] : found)
    if (!wanted_.contains({device, prefix}) && !kept.contains(prefix.address))
      collect(take_off(device, prefix), problems);
  return result_of(std::move(problems));
}

// Takes `owner` off everything but `keep`, and off the kernel what nobody wants any more.
void Addresses::disown(const std::string& owner, const std::set<Place>& keep,
                       std::string& problems) {
  for (auto it = wanted_.begin(); it != wanted_.end();) {
    const auto here = it++;
    if (keep.contains(here->first) || here->second.owners.erase(owner) == 0) continue;
    if (!here->second.owners.empty()) continue;
    const auto place = here->first;
    wanted_.erase(here);
    collect(take_away(place), problems);
  }
}

// The kernel cannot change a label: an address with another one has to go first.
void Addresses::relabel(const DeviceAddress& address, std::string& problems) {
  if (address.label.empty()) return;
  const auto* device = feed_.table().find(address.device);
  const auto* there = device ? device->find(address.prefix) : nullptr;
  if (there && there->label != address.label)
    collect(take_away({address.device, address.prefix}), problems);
}

// ---- What the kernel reports -------------------------------------------------------------------

void Addresses::process(MonotonicTime now) {
  deadline_ = kNever;
  LinkChanges ignored;
  if (const auto pulled = feed_.pull(ignored); !pulled) {
    ++counters_.failed;
    deadline_ = now + kRefusedPause;  // the table is stale: read it again then
  }
  std::vector<std::pair<DeviceAddress, Result<void>>> outcomes;
  for (auto& [place, entry] : wanted_) {
    if (displaces_own(place)) {
      if (now >= entry.not_before && !take_off(place.first, place.second))
        entry.not_before = now + kRefusedPause;
      if (now < entry.not_before) deadline_ = std::min(deadline_, entry.not_before);
    }
    if (!missing(place)) continue;
    if (now >= entry.not_before) {
      const auto put_back = put(place, entry, now);
      if (put_back && !*put_back) continue;
      counters_.restored += put_back ? 1 : 0;
      const DeviceAddress address{place.first, place.second, entry.label};
      outcomes.emplace_back(address, without_value(put_back));
      if (put_back) continue;
    }
    deadline_ = std::min(deadline_, entry.not_before);
  }
  if (!on_restore_) return;
  for (const auto& [address, outcome] : outcomes) on_restore_(address, outcome);
}

// Could be added, and isn't there.
bool Addresses::missing(const Place& place) const {
  const auto* device = feed_.table().find(place.first);
  return device && !device->find(place.second);
}

// Whether it is the primary address of its network, and one that is not ours the secondary one.
bool Addresses::displaces_own(const Place& place) const {
  const auto* device = feed_.table().find(place.first);
  const auto* here = device ? device->find(place.second) : nullptr;
  if (!here || !place.second.address.is_v4() || (here->flags & IFA_F_SECONDARY) != 0) return false;
  return std::ranges::any_of(device->addresses, [&](const InterfaceAddress& other) {
    return (other.flags & IFA_F_SECONDARY) != 0 && other.protocol != protocol_ &&
           same_network(other.prefix, place.second) &&
           !wanted_.contains({place.first, other.prefix});
  });
}

// ---- What is done to the kernel ----------------------------------------------------------------

Result<bool> Addresses::put(const Place& place, Wanted& wanted, MonotonicTime now) {
  const auto& [name, prefix] = place;
  const int ifindex = feed_.table().find(name)->ifindex;
  const auto added = add_address(feed_.requests(), ifindex, prefix, wanted.label, protocol_);
  if (!added && added.error().code != EEXIST) {
    ++counters_.failed;
    wanted.not_before = now + kRefusedPause;
    return fail(place_name(name, prefix) + ": cannot add the address: " + added.error().reason);
  }
  wanted.not_before = now + kRestorePause;
  feed_.table().add(ifindex, added.value_or(InterfaceAddress{prefix, 0, wanted.label, 0}));
  return added.has_value();
}

// By name, and by what it is where the interface was renamed meanwhile.
Result<void> Addresses::take_away(const Place& place) {
  const auto& [name, prefix] = place;
  std::string problems;
  collect(take_off(name, prefix), problems);
  std::vector<std::string> renamed;
  for (const auto& [ifindex, device] : feed_.table().devices())
    if (const auto* here = device.find(prefix);
        here && here->protocol == protocol_ && !wanted_.contains({device.name, prefix}))
      renamed.push_back(device.name);
  for (const auto& device : renamed) collect(take_off(device, prefix), problems);
  return result_of(std::move(problems));
}

Result<void> Addresses::take_off(const std::string& name, const IpPrefix& prefix) {
  const auto* device = feed_.table().find(name);
  if (!device) return {};
  const int ifindex = device->ifindex;
  const auto outcome = delete_address(feed_.requests(), *device, prefix);
  const int code = outcome ? 0 : outcome.error().code;
  if (code != 0 && code != EADDRNOTAVAIL && code != ENODEV)
    return fail(place_name(name, prefix) +
                ": cannot remove the address: " + outcome.error().reason);
  feed_.table().remove(ifindex, prefix);
  return {};
}

}  // namespace tandem::netlink
