// SPDX-License-Identifier: Apache-2.0
#include "netlink/addresses.hpp"

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

Result<Addresses> Addresses::open() {
  auto feed = LinkFeed::open();
  if (!feed) return std::unexpected(feed.error());
  return Addresses(std::move(*feed));
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

Result<void> Addresses::sweep(const std::vector<DeviceAddress>& leftovers) {
  LinkChanges ignored;
  std::string problems;
  if (auto pulled = feed_.pull(ignored); !pulled) collect(pulled, problems);
  for (const auto& leftover : leftovers) {
    const auto* device = feed_.table().find(leftover.device);
    if (!device) continue;
    std::vector<IpPrefix> found;
    for (const auto& address : device->addresses)
      if (address.prefix.address == leftover.prefix.address &&
          !wanted_.contains({leftover.device, address.prefix}))
        found.push_back(address.prefix);
    for (const auto& prefix : found) collect(take_away({leftover.device, prefix}), problems);
  }
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

// ---- What is done to the kernel ----------------------------------------------------------------

Result<bool> Addresses::put(const Place& place, Wanted& wanted, MonotonicTime now) {
  const auto& [name, prefix] = place;
  const int ifindex = feed_.table().find(name)->ifindex;
  const auto added = add_address(feed_.requests(), ifindex, prefix, wanted.label);
  if (!added && added.error().code != EEXIST) {
    ++counters_.failed;
    wanted.not_before = now + kRefusedPause;
    return fail(place_name(name, prefix) + ": cannot add the address: " + added.error().reason);
  }
  wanted.not_before = now + kRestorePause;
  feed_.table().add(ifindex, added.value_or(InterfaceAddress{prefix, 0, wanted.label}));
  return added.has_value();
}

Result<void> Addresses::take_away(const Place& place) {
  const auto& [name, prefix] = place;
  const auto* device = feed_.table().find(name);
  if (!device) return {};
  const int ifindex = device->ifindex;
  const auto outcome = delete_address(feed_.requests(), ifindex, prefix);
  const int code = outcome ? 0 : outcome.error().code;
  if (code != 0 && code != EADDRNOTAVAIL && code != ENODEV)
    return fail(place_name(name, prefix) +
                ": cannot remove the address: " + outcome.error().reason);
  feed_.table().remove(ifindex, prefix);
  return {};
}

}  // namespace tandem::netlink
