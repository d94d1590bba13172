// SPDX-License-Identifier: Apache-2.0
// What the daemon needs to know of an interface, always current. One thread; wait until fd() is
// readable, then call process().
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "netlink/link_feed.hpp"

namespace tandem::netlink {

struct LinkState {
  int ifindex = 0;
  std::string name;
  MacAddress mac;
  bool up = false;  // administratively and operationally, with a carrier
  std::uint32_t mtu = 0;
  int parent = 0;  // ifindex of the device under it (of a veth: its other end); 0: none here
  std::optional<VlanTag> vlan;  // set: a VLAN device
  bool is_bond = false;
  // The first address that is not virtual; a secondary one only if there is no other. RFC 9568,
  // 5.1.1.1: the source of IPv4 adverts.
  std::optional<IpAddress> primary_v4;
  // The first usable (not tentative, not a duplicate) link-local address that is not virtual.
  // RFC 9568, 5.1.2.1: the source of IPv6 adverts.
  std::optional<IpAddress> link_local_v6;

  bool operator==(const LinkState&) const = default;
};

// A port of a bond.
struct BondPort {
  int ifindex = 0;
  std::string name;
  bool up = false;
  bool is_asleep = false;  // a standby: the bond takes no frames from it
  bool operator==(const BondPort&) const = default;
};

class Links {
 public:
  using OnChange = std::function<void(int ifindex, const std::string& name)>;

  [[nodiscard]] static Result<Links> open();

  [[nodiscard]] int fd() const noexcept { return feed_.fd(); }
  // Takes in what the kernel reported, then calls back once for each interface that changed,
  // came, went, or was renamed (under both names). On an error notifications were lost and what
  // find() says may be old: call again after a pause.
  Result<void> process();
  void on_change(OnChange callback) { on_change_ = std::move(callback); }

  // Addresses that are never this node's own, on whichever interface. Replaces the former set.
  void set_virtual_addresses(std::set<IpAddress> addresses) { virtual_ = std::move(addresses); }

  [[nodiscard]] std::optional<LinkState> find(std::string_view name) const;
  [[nodiscard]] std::optional<LinkState> find(int ifindex) const;
  // nullptr: there is none of that name. Until the next process().
  [[nodiscard]] const Device* device(std::string_view name) const {
    return feed_.table().find(name);
  }
  // Of a bond, in the order of their ifindex.
  [[nodiscard]] std::vector<BondPort> ports_of(int ifindex) const;
  // The MAC addresses that frames for this node have there: the device's own first, then those of
  // the devices on top of it.
  [[nodiscard]] std::vector<MacAddress> macs_on(int ifindex) const;
  // What no other host of a network of this node's has as its address: the node's own, whatever
  // interface they are on, and with IPv4 the first and the last one of each network (broadcast:
  // RFC 1812, 4.2.3.1).
  [[nodiscard]] std::set<IpAddress> own_addresses() const;
  // The device on which the packets of interface `name` come in, and their VLAN tags.
  [[nodiscard]] Result<BottomDevice> bottom(std::string_view name) const {
    return feed_.table().bottom(name);
  }

 private:
  explicit Links(LinkFeed feed) : feed_(std::move(feed)) {}

  LinkFeed feed_;
  std::set<IpAddress> virtual_;
  OnChange on_change_;
};

// What Links::find makes of a table entry.
[[nodiscard]] LinkState describe(const Device& device,
                                 const std::set<IpAddress>& virtual_addresses);

}  // namespace tandem::netlink
