// SPDX-License-Identifier: Apache-2.0
// Who has an address? Questions and claims of duplicate detection, without their link header: ARP
// (RFC 5227) and IPv6 neighbour discovery (RFC 4862, 5.4). The questions say nothing of an address
// of the asker's own, so that no cache changes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace tandem::doctor {

struct Claim {
  IpAddress address;
  MacAddress mac;
};

inline constexpr std::size_t kArpBytes = 28;
inline constexpr std::size_t kSolicitationBytes = 64;  // IPv6 header and ICMPv6, without options

// RFC 5227, 2.1.1. address: IPv4.
[[nodiscard]] std::array<std::uint8_t, kArpBytes> arp_probe(const MacAddress& mac,
                                                            const IpAddress& address) noexcept;
// RFC 4862, 5.4.2, to solicited_node(address). address: IPv6.
[[nodiscard]] std::array<std::uint8_t, kSolicitationBytes> nd_probe(
    const IpAddress& address) noexcept;
// ff02::1:ffXX:XXXX (RFC 4291, 2.7.1).
[[nodiscard]] IpAddress solicited_node(const IpAddress& address) noexcept;

// Who says to have which address: by any ARP packet but a probe, and by a neighbour advertisement
// with a target link-layer address option, as each host's is that defends an address.
[[nodiscard]] std::optional<Claim> arp_claim(std::span<const std::uint8_t> packet) noexcept;
[[nodiscard]] std::optional<Claim> nd_claim(std::span<const std::uint8_t> packet) noexcept;

}  // namespace tandem::doctor
