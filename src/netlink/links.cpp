// SPDX-License-Identifier: Apache-2.0
#include "netlink/links.hpp"

#include <linux/if_addr.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace tandem::netlink {
namespace {

void add_broadcast(std::set<IpAddress>& addresses, const IpPrefix& network) {
  if (!network.address.is_v4() || network.length > 30) return;
  const std::uint32_t hosts = network.length == 0 ? 0xffffffff : (1U << (32 - network.length)) - 1;
  const std::uint32_t address = load_be32(network.address.bytes().data());
  for (const std::uint32_t broadcast : {address & ~hosts, address | hosts}) {
    std::array<std::uint8_t, 4> bytes{};
    store_be32(bytes.data(), broadcast);
    addresses.insert(IpAddress::v4(bytes));
  }
}

bool usable(const InterfaceAddress& address) {
  return (address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
}

}  // namespace

LinkState describe(const Device& device, const std::set<IpAddress>& virtual_addresses) {
  LinkState state;
  state.ifindex = device.ifindex;
  state.name = device.name;
  state.mac = device.mac;
  state.up = device.up();
  state.mtu = device.mtu;
  state.parent = device.parent_outside ? 0 : device.parent;
  state.vlan = device.vlan;
  state.is_bond = device.is_bond;

  // A virtual address that was there first makes the node's own one secondary, so that one has to
  // do in the end.
  std::optional<IpAddress> secondary;
  for (const auto& address : device.addresses) {
    const auto& ip = address.prefix.address;
    if (virtual_addresses.contains(ip)) continue;
    if (ip.is_v4()) {
      auto& slot = (address.flags & IFA_F_SECONDARY) ? secondary : state.primary_v4;
      if (!slot) slot = ip;
    } else if (!state.link_local_v6 && ip.is_link_local() && usable(address)) {
      state.link_local_v6 = ip;
    }
  }
  if (!state.primary_v4) state.primary_v4 = secondary;
  return state;
}

Result<Links> Links::open() {
  auto feed = LinkFeed::open();
  if (!feed) return std::unexpected(feed.error());
  return Links(std::move(*feed));
}

Result<void> Links::process() {
  LinkChanges changes;
  auto pulled = feed_.pull(changes);
  if (on_change_)
    for (const auto& [ifindex, name] : changes) on_change_(ifindex, name);
  return pulled;
}

std::optional<LinkState> Links::find(std::string_view name) const {
  const auto* device = feed_.table().find(name);
  if (!device) return std::nullopt;
  return describe(*device, virtual_);
}

std::optional<LinkState> Links::find(int ifindex) const {
  const auto* device = feed_.table().find(ifindex);
  if (!device) return std::nullopt;
  return describe(*device, virtual_);
}

std::vector<MacAddress> Links::macs_on(int ifindex) const {
  std::vector<MacAddress> macs;
  for (const auto* device : feed_.table().stack_on(ifindex))
    if (device->mac != MacAddress{} && std::ranges::find(macs, device->mac) == macs.end())
      macs.push_back(device->mac);
  return macs;
}

std::set<IpAddress> Links::own_addresses() const {
  std::set<IpAddress> own;
  for (const auto& [ifindex, device] : feed_.table().all())
    for (const auto& address : device.addresses) {
      own.insert(address.prefix.address);
      add_broadcast(own, address.prefix);
    }
  return own;
}

std::vector<BondPort> Links::ports_of(int ifindex) const {
  std::vector<BondPort> ports;
  for (const auto* device : feed_.table().ports_of(ifindex))
    ports.push_back({device->ifindex, device->name, device->up(), device->is_asleep});
  return ports;
}

}  // namespace tandem::netlink
