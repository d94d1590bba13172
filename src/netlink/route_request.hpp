// SPDX-License-Identifier: Apache-2.0
// What NextHops asks the kernel, and what it reads from the kernel's notifications.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "base/address.hpp"
#include "netlink/socket.hpp"

namespace tandem::netlink {

struct Destination {
  IpAddress address;
  int ifindex = 0;  // the way out; needed for link-local addresses, 0 leaves it to the routes

  auto operator<=>(const Destination&) const = default;
};

// The first hop towards a destination. The gateway may be of the other family (RFC 5549).
struct Route {
  int ifindex = 0;
  IpAddress hop;                    // the gateway, or the destination itself
  std::optional<IpAddress> source;  // what the kernel would send from
  std::uint32_t mtu = 0;            // of the route, or of what routers said of the path; 0: neither
};

struct NeighbourKey {
  IpAddress address;
  int ifindex = 0;

  auto operator<=>(const NeighbourKey&) const = default;
};

// Neighbour Unreachability Detection (RFC 4861, 7.3.2; the kernel does the same for ARP), as far
// as it matters here.
enum class Reach : std::uint8_t {
  unknown,  // the kernel has no entry
  asking,   // INCOMPLETE: no answer yet
  failed,
  stale,  // has an address, to be verified when it is used
  good,   // reachable, being verified, permanent, or without ARP
};

struct NeighbourState {
  Reach reach = Reach::unknown;
  std::optional<MacAddress> mac;  // set for stale and good, unless the device has none
};

// RTM_GETROUTE. The reason of an error reads after "192.0.2.9: ".
[[nodiscard]] std::expected<Route, KernelError> ask_route(Requests& requests,
                                                          const Destination& destination);
// RTM_GETNEIGH for one entry.
[[nodiscard]] std::expected<NeighbourState, KernelError> ask_neighbour(Requests& requests,
                                                                       const NeighbourKey& key);
// Has the kernel verify or resolve the neighbour, as if a packet were sent to it (NTF_USE).
[[nodiscard]] Outcome use_neighbour(Requests& requests, const NeighbourKey& key);

// RTM_NEWNEIGH or RTM_DELNEIGH (then it is unknown).
[[nodiscard]] std::optional<std::pair<NeighbourKey, NeighbourState>> read_neighbour(
    nl_msg& message);
// The destination of RTM_NEWROUTE or RTM_DELROUTE; 0.0.0.0/0 or ::/0 for a default route.
[[nodiscard]] std::optional<IpPrefix> read_route_prefix(nl_msg& message);
// The ifindex of RTM_NEWLINK or RTM_DELLINK.
[[nodiscard]] std::optional<int> read_link(nl_msg& message);

}  // namespace tandem::netlink
