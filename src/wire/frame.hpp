// SPDX-License-Identifier: Apache-2.0
// Whole Ethernet frames that the VRRP thread sends: an advert in IP, a gratuitous ARP request, an
// unsolicited neighbour advertisement. Each function writes one frame and returns its length in
// bytes without FCS and without padding to Ethernet's minimum, which drivers add; 0 if it does not
// fit or cannot be said (see emit_advert(); an address of the wrong family; a VLAN ID above 4094).
// Nothing is allocated.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "wire/vrrp.hpp"

namespace tandem::wire {

// Large enough for an advert with 255 IPv6 addresses behind two tags.
inline constexpr std::size_t kMaxFrame = 4608;

// Outer to inner VLAN IDs, 0 for "no tag"; the outer of two is 802.1ad, a single one 802.1Q.
using VlanTags = std::array<std::uint16_t, 2>;

struct Link {
  MacAddress source;
  VlanTags vlan{};
};

// Destination MAC of an IP multicast group (RFC 1112, 6.4; RFC 2464, 7).
[[nodiscard]] MacAddress multicast_mac(const IpAddress& group) noexcept;

// An advert from `source` to `destination` (the group, or a unicast peer) with TTL 255.
[[nodiscard]] std::size_t emit_advert_frame(const Advert& advert, const Link& link,
                                            const MacAddress& destination_mac,
                                            const IpAddress& source, const IpAddress& destination,
                                            std::span<std::uint8_t> out) noexcept;

// Gratuitous ARP as keepalived sends it: a request, the address in both address fields (RFC 5227,
// 2.3), to the broadcast address. `owner` is the MAC that the address shall be reached at.
[[nodiscard]] std::size_t emit_garp_frame(const Link& link, const MacAddress& owner,
                                          const IpAddress& address,
                                          std::span<std::uint8_t> out) noexcept;

// Unsolicited neighbour advertisement, R=1 S=0 O=1, with the target link-layer address option
// (RFC 4861, 4.4; RFC 9568, 6.4.1), from the address itself to all nodes.
[[nodiscard]] std::size_t emit_na_frame(const Link& link, const MacAddress& owner,
                                        const IpAddress& address,
                                        std::span<std::uint8_t> out) noexcept;

}  // namespace tandem::wire
