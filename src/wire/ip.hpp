// SPDX-License-Identifier: Apache-2.0
// IP headers as VRRP and neighbour discovery need them: found in a received packet, and written
// before a message that is to be sent. No fragments and no IPv6 extension headers: an advert has
// neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "base/address.hpp"

namespace tandem::wire {

inline constexpr std::size_t kIpv4HeaderBytes = 20;  // without options
inline constexpr std::size_t kIpv6HeaderBytes = 40;

[[nodiscard]] constexpr std::size_t ip_header_bytes(Family family) noexcept {
  return family == Family::ipv4 ? kIpv4HeaderBytes : kIpv6HeaderBytes;
}

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t hop_limit = 0;  // IPv4: TTL
  std::uint8_t protocol = 0;
  bool fragment = false;
  bool header_intact = true;              // IPv4: the header's checksum is right
  std::span<const std::uint8_t> payload;  // of the length that the header tells, padding cut off
};

enum class IpFault : std::uint8_t {
  truncated,  // fewer bytes than the header says, or than a header has
  not_ip,     // neither version 4 nor 6, or an IPv4 header length below 20
};

// bytes: a packet from its IP header on. The payload points into it.
[[nodiscard]] std::expected<IpPacket, IpFault> parse_ip(
    std::span<const std::uint8_t> bytes) noexcept;

// Writes a header of ip_header_bytes() at `out`: TTL or hop limit 255, traffic class CS6 (RFC
// 4594, 3.2: network control), for IPv4 without options and never to be fragmented. Both addresses
// are of one family.
void write_ip_header(std::uint8_t* out, const IpAddress& source, const IpAddress& destination,
                     std::uint8_t protocol, std::size_t payload_bytes) noexcept;

}  // namespace tandem::wire
