// SPDX-License-Identifier: Apache-2.0
// The kernel's interfaces and their addresses, as rtnetlink messages tell of them. Has no socket:
// a dump and a notification are the same messages, so the table is fed with either.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "netlink/nl.hpp"

namespace tandem::netlink {

struct VlanTag {
  std::uint16_t id = 0;             // 0-4094
  std::uint16_t protocol = 0x8100;  // EtherType, host order: 0x8100 (802.1Q) or 0x88a8 (802.1ad)

  bool operator==(const VlanTag&) const = default;
};

struct InterfaceAddress {
  IpPrefix prefix;
  std::uint32_t flags = 0;    // IFA_F_...
  std::string label;          // IPv4 only
  std::uint8_t protocol = 0;  // IFA_PROTO: who put it there; 0: nobody said

  bool operator==(const InterfaceAddress&) const = default;
};

struct Device {
  int ifindex = 0;
  std::string name;
  MacAddress mac;
  std::uint32_t flags = 0;  // IFF_...
  std::uint32_t mtu = 0;
  int parent = 0;               // ifindex of what it sits on, or of a veth's other end; 0: none
  bool parent_outside = false;  // `parent` counts in another network namespace
  std::optional<VlanTag> vlan;  // set: a VLAN device on `parent`
  bool is_bond = false;
  int master = 0;          // ifindex of the bond, bridge or team that it is a port of; 0: none
  bool is_asleep = false;  // the port's bond takes no frames from it: a standby
  std::vector<InterfaceAddress> addresses;  // in the kernel's order

  [[nodiscard]] bool up() const noexcept;  // IFF_UP, a carrier, and operational (RFC 2863)
  [[nodiscard]] const InterfaceAddress* find(const IpPrefix& prefix) const noexcept;
  bool operator==(const Device&) const = default;
};

// Where the packets of a (VLAN) device come in, and with which tags.
struct BottomDevice {
  int ifindex = 0;
  std::string name;
  std::vector<VlanTag> tags;  // outer first

  bool operator==(const BottomDevice&) const = default;
};

// Interfaces that changed, came or went: ifindex and name. A renamed one is in under both names.
using LinkChanges = std::set<std::pair<int, std::string>>;

class LinkTable {
 public:
  // Takes RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR; ignores all else.
  void apply(nl_msg& message, LinkChanges& changes);
  // What differs from `before`.
  void compare(const LinkTable& before, LinkChanges& changes) const;

  // Notes a change that we made ourselves, ahead of the kernel's notification.
  void add(int ifindex, const InterfaceAddress& address);
  void remove(int ifindex, const IpPrefix& prefix);

  [[nodiscard]] const std::map<int, Device>& devices() const noexcept { return devices_; }
  [[nodiscard]] const Device* find(std::string_view name) const noexcept;
  [[nodiscard]] const Device* find(int ifindex) const noexcept;
  // A bond's, in the order of their ifindex.
  [[nodiscard]] std::vector<const Device*> ports_of(int ifindex) const;
  // The device, and all that is on top of it: VLAN devices, macvlans, bridges, and so on.
  [[nodiscard]] std::vector<const Device*> stack_on(int ifindex) const;
  [[nodiscard]] const std::map<int, Device>& all() const noexcept { return devices_; }
  // Goes down through VLAN devices only: a bridge, bond or macvlan is its own bottom.
  [[nodiscard]] Result<BottomDevice> bottom(std::string_view name) const;

 private:
  void apply_link(nl_msg& message, LinkChanges& changes);
  void apply_address(nl_msg& message, LinkChanges& changes);

  std::map<int, Device> devices_;  // by ifindex
};

}  // namespace tandem::netlink
