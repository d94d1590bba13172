// SPDX-License-Identifier: Apache-2.0
// The ARP packets of address conflict detection (RFC 5227), without their link header.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.hpp"

namespace tandem::doctor {

inline constexpr std::size_t kArpBytes = 28;

// A probe: who has `address`? Says nothing of an address of its own, so that no cache changes
// (RFC 5227, 2.1.1).
[[nodiscard]] std::array<std::uint8_t, kArpBytes> arp_probe(const MacAddress& mac,
                                                            const IpAddress& address) noexcept;

struct ArpClaim {
  IpAddress address;
  MacAddress mac;
};
// Who says to have which address, by any ARP packet (RFC 5227, 2.1.1); nothing of a probe.
[[nodiscard]] std::optional<ArpClaim> arp_claim(std::span<const std::uint8_t> packet) noexcept;

}  // namespace tandem::doctor
