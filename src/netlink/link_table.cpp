// SPDX-License-Identifier: Apache-2.0
#include "netlink/link_table.hpp"

#include <net/if.h>

#include <linux/if.h>  // IFF_LOWER_UP; behind <net/if.h>, which does not bear to come second
#include <linux/rtnetlink.h>

#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vlan.h>

#include <algorithm>

#include "base/bytes.hpp"

namespace tandem::netlink {
namespace {

constexpr int kDeepestStack = 8;  // the kernel's limit on nested devices

std::string text_or_empty(const char* text) {
  return text ? text : "";
}

VlanTag vlan_tag_of(rtnl_link* link) {
  const auto wire = static_cast<std::uint16_t>(rtnl_link_vlan_get_protocol(link));
  VlanTag tag{static_cast<std::uint16_t>(rtnl_link_vlan_get_id(link)), ntohs(wire)};
  if (wire == 0) tag.protocol = VlanTag{}.protocol;  // kernels before 3.10 don't say
  return tag;
}

// libnl does not read what bonding tells of a port: whether it is a standby (IFLA_BOND_SLAVE_STATE).
bool is_standby(nl_msg& message) {
  const nlattr* info = nlmsg_find_attr(nlmsg_hdr(&message), sizeof(ifinfomsg), IFLA_LINKINFO);
  const nlattr* kind =
      info ? nla_find(static_cast<nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_SLAVE_KIND)
           : nullptr;
  if (kind == nullptr || std::string_view(nla_get_string(kind)) != "bond") return false;
  const nlattr* data =
      nla_find(static_cast<nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_SLAVE_DATA);
  const nlattr* state =
      data ? nla_find(static_cast<nlattr*>(nla_data(data)), nla_len(data), IFLA_BOND_SLAVE_STATE)
           : nullptr;
  return state != nullptr && nla_get_u8(state) != 0;
}

Device device_of(rtnl_link* link) {
  Device device;
  device.ifindex = rtnl_link_get_ifindex(link);
  device.name = text_or_empty(rtnl_link_get_name(link));
  device.mac = to_mac(rtnl_link_get_addr(link)).value_or(MacAddress{});
  device.flags = rtnl_link_get_flags(link);
  device.mtu = rtnl_link_get_mtu(link);
  device.parent = rtnl_link_get_link(link);
  std::int32_t elsewhere = 0;
  device.parent_outside = rtnl_link_get_link_netnsid(link, &elsewhere) == 0;
  if (rtnl_link_is_vlan(link)) device.vlan = vlan_tag_of(link);
  device.is_bond = text_or_empty(rtnl_link_get_type(link)) == "bond";
  device.master = rtnl_link_get_master(link);
  return device;
}

// libnl before 3.9 does not read it, headers before Linux 5.18 do not name it.
std::uint8_t protocol_of(nl_msg& message) {
  const nlattr* protocol = nlmsg_find_attr(nlmsg_hdr(&message), sizeof(ifaddrmsg), kIfaProto);
  return protocol == nullptr ? 0 : nla_get_u8(protocol);
}

auto position(std::vector<InterfaceAddress>& addresses, const IpPrefix& prefix) {
  return std::ranges::find(addresses, prefix, &InterfaceAddress::prefix);
}

}  // namespace

bool Device::up() const noexcept {
  constexpr std::uint32_t kAll = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  return (flags & kAll) == kAll;
}

const InterfaceAddress* Device::find(const IpPrefix& prefix) const noexcept {
  const auto found = std::ranges::find(addresses, prefix, &InterfaceAddress::prefix);
  return found == addresses.end() ? nullptr : &*found;
}

void LinkTable::apply(nl_msg& message, LinkChanges& changes) {
  switch (nlmsg_hdr(&message)->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return apply_link(message, changes);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return apply_address(message, changes);
    default:
      return;
  }
}

void LinkTable::apply_link(nl_msg& message, LinkChanges& changes) {
  nlmsghdr* header = nlmsg_hdr(&message);
  if (nlmsg_datalen(header) < static_cast<int>(sizeof(ifinfomsg))) return;
  // A bridge tells of its ports in the same group: "deleted" there means that it left the bridge.
  if (static_cast<ifinfomsg*>(nlmsg_data(header))->ifi_family != AF_UNSPEC) return;
  const auto object = parse(message);
  if (!object) return;
  auto device = device_of(reinterpret_cast<rtnl_link*>(object.get()));
  device.is_asleep = device.master != 0 && is_standby(message);

  const auto known = devices_.find(device.ifindex);
  if (header->nlmsg_type == RTM_DELLINK) {
    if (known == devices_.end()) return;
    changes.emplace(known->first, known->second.name);
    devices_.erase(known);
    return;
  }
  if (known != devices_.end()) {
    device.addresses = known->second.addresses;
    if (device == known->second) return;
    changes.emplace(known->first, known->second.name);
  }
  changes.emplace(device.ifindex, device.name);
  devices_[device.ifindex] = std::move(device);
}

void LinkTable::apply_address(nl_msg& message, LinkChanges& changes) {
  const auto object = parse(message);
  if (!object) return;
  auto* parsed = reinterpret_cast<rtnl_addr*>(object.get());
  const auto device = devices_.find(rtnl_addr_get_ifindex(parsed));
  const auto local = to_ip(rtnl_addr_get_local(parsed));
  if (device == devices_.end() || !local) return;

  const InterfaceAddress address{
      {*local, static_cast<std::uint8_t>(rtnl_addr_get_prefixlen(parsed))},
      rtnl_addr_get_flags(parsed),
      text_or_empty(rtnl_addr_get_label(parsed)),
      protocol_of(message)};
  const auto* known = device->second.find(address.prefix);
  if (nlmsg_hdr(&message)->nlmsg_type == RTM_DELADDR) {
    if (!known) return;
    remove(device->first, address.prefix);
  } else {
    if (known && *known == address) return;
    add(device->first, address);
  }
  changes.emplace(device->first, device->second.name);
}

void LinkTable::compare(const LinkTable& before, LinkChanges& changes) const {
  for (const auto& [ifindex, device] : before.devices_) {
    const auto* now = find(ifindex);
    if (!now || *now != device) changes.emplace(ifindex, device.name);
  }
  for (const auto& [ifindex, device] : devices_) {
    const auto* then = before.find(ifindex);
    if (!then || *then != device) changes.emplace(ifindex, device.name);
  }
}

void LinkTable::add(int ifindex, const InterfaceAddress& address) {
  const auto device = devices_.find(ifindex);
  if (device == devices_.end()) return;
  auto& addresses = device->second.addresses;
  if (const auto known = position(addresses, address.prefix); known != addresses.end())
    *known = address;
  else
    addresses.push_back(address);
}

void LinkTable::remove(int ifindex, const IpPrefix& prefix) {
  const auto device = devices_.find(ifindex);
  if (device == devices_.end()) return;
  auto& addresses = device->second.addresses;
  if (const auto known = position(addresses, prefix); known != addresses.end())
    addresses.erase(known);
}

const Device* LinkTable::find(std::string_view name) const noexcept {
  for (const auto& [ifindex, device] : devices_)
    if (device.name == name) return &device;
  return nullptr;
}

const Device* LinkTable::find(int ifindex) const noexcept {
  const auto device = devices_.find(ifindex);
  return device == devices_.end() ? nullptr : &device->second;
}

std::vector<const Device*> LinkTable::ports_of(int ifindex) const {
  std::vector<const Device*> ports;
  for (const auto& [number, device] : devices_)
    if (device.master == ifindex) ports.push_back(&device);
  return ports;
}

std::vector<const Device*> LinkTable::stack_on(int ifindex) const {
  std::set<int> found{ifindex};
  for (std::size_t before = 0; before != found.size();) {
    before = found.size();
    for (const auto& [number, device] : devices_) {
      if (!device.parent_outside && found.contains(device.parent)) found.insert(number);
      if (device.master != 0 && found.contains(number)) found.insert(device.master);
    }
  }
  std::vector<const Device*> stack;
  if (const auto* device = find(ifindex)) stack.push_back(device);
  for (const int number : found)
    if (const auto* device = number != ifindex ? find(number) : nullptr) stack.push_back(device);
  return stack;
}

Result<BottomDevice> LinkTable::bottom(std::string_view name) const {
  const auto* device = find(name);
  if (!device) return fail("interface " + std::string(name) + " does not exist");
  std::vector<VlanTag> tags;  // inner first, as we go down
  for (int depth = 0; device->vlan; ++depth) {
    tags.push_back(*device->vlan);
    const auto* parent = device->parent_outside ? nullptr : find(device->parent);
    if (!parent || depth == kDeepestStack)
      return fail("interface " + std::string(name) + ": the device under " + device->name +
                  " cannot be found in this network namespace; name it as the interface's device");
    device = parent;
  }
  return BottomDevice{device->ifindex, device->name, {tags.rbegin(), tags.rend()}};
}

}  // namespace tandem::netlink
