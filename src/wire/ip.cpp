// SPDX-License-Identifier: Apache-2.0
#include "wire/ip.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "tandem/checksum.h"

namespace tandem::wire {
namespace {

constexpr std::uint8_t kTrafficClass = 0xc0;  // DSCP CS6, which was "internetwork control"
constexpr std::uint8_t kHopLimit = 255;
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragmentsAndOffset = 0x3fff;

std::expected<IpPacket, IpFault> parse_ipv4(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() < kIpv4HeaderBytes) return std::unexpected(IpFault::truncated);
  const std::size_t header_bytes = (bytes[0] & 0x0f) * std::size_t{4};
  const std::size_t total_bytes = load_be16(&bytes[2]);
  if (header_bytes < kIpv4HeaderBytes) return std::unexpected(IpFault::not_ip);
  if (total_bytes < header_bytes || total_bytes > bytes.size())
    return std::unexpected(IpFault::truncated);
  return IpPacket{
      .source = IpAddress::v4(bytes.subspan<12, 4>()),
      .destination = IpAddress::v4(bytes.subspan<16, 4>()),
      .hop_limit = bytes[8],
      .protocol = bytes[9],
      .fragment = (load_be16(&bytes[6]) & kMoreFragmentsAndOffset) != 0,
      .header_intact = td_csum_fold(td_csum_bytes(0, bytes.data(),
                                                  static_cast<std::uint32_t>(header_bytes))) == 0,
      .payload = bytes.subspan(header_bytes, total_bytes - header_bytes),
  };
}

std::expected<IpPacket, IpFault> parse_ipv6(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.size() < kIpv6HeaderBytes) return std::unexpected(IpFault::truncated);
  const std::size_t payload_bytes = load_be16(&bytes[4]);
  if (payload_bytes > bytes.size() - kIpv6HeaderBytes) return std::unexpected(IpFault::truncated);
  return IpPacket{
      .source = IpAddress::v6(bytes.subspan<8, 16>()),
      .destination = IpAddress::v6(bytes.subspan<24, 16>()),
      .hop_limit = bytes[7],
      .protocol = bytes[6],
      .payload = bytes.subspan(kIpv6HeaderBytes, payload_bytes),
  };
}

// RFC 791, 3.1. Don't Fragment and ID 0: an atomic datagram (RFC 6864, 4.1).
void write_ipv4_header(std::uint8_t* out, const IpAddress& source, const IpAddress& destination,
                       std::uint8_t protocol, std::size_t payload_bytes) noexcept {
  std::fill_n(out, kIpv4HeaderBytes, std::uint8_t{0});
  out[0] = 4 << 4 | kIpv4HeaderBytes / 4;
  out[1] = kTrafficClass;
  store_be16(out + 2, static_cast<std::uint16_t>(kIpv4HeaderBytes + payload_bytes));
  store_be16(out + 6, kDontFragment);
  out[8] = kHopLimit;
  out[9] = protocol;
  std::ranges::copy(source.bytes(), out + 12);
  std::ranges::copy(destination.bytes(), out + 16);
  store_be16(out + 10, td_csum_fold(td_csum_bytes(0, out, kIpv4HeaderBytes)));
}

// RFC 8200, 3.
void write_ipv6_header(std::uint8_t* out, const IpAddress& source, const IpAddress& destination,
                       std::uint8_t protocol, std::size_t payload_bytes) noexcept {
  store_be32(out, std::uint32_t{6} << 28 | std::uint32_t{kTrafficClass} << 20);
  store_be16(out + 4, static_cast<std::uint16_t>(payload_bytes));
  out[6] = protocol;
  out[7] = kHopLimit;
  std::ranges::copy(source.bytes(), out + 8);
  std::ranges::copy(destination.bytes(), out + 24);
}

}  // namespace

std::expected<IpPacket, IpFault> parse_ip(std::span<const std::uint8_t> bytes) noexcept {
  if (bytes.empty()) return std::unexpected(IpFault::truncated);
  switch (bytes[0] >> 4) {
    case 4:
      return parse_ipv4(bytes);
    case 6:
      return parse_ipv6(bytes);
    default:
      return std::unexpected(IpFault::not_ip);
  }
}

void write_ip_header(std::uint8_t* out, const IpAddress& source, const IpAddress& destination,
                     std::uint8_t protocol, std::size_t payload_bytes) noexcept {
  if (source.is_v4())
    write_ipv4_header(out, source, destination, protocol, payload_bytes);
  else
    write_ipv6_header(out, source, destination, protocol, payload_bytes);
}

}  // namespace tandem::wire
