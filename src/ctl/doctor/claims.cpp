// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/claims.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "tandem/checksum.h"

namespace tandem::doctor {
namespace {

constexpr std::uint16_t kEthernet = 1;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kRequest = 1;
// RFC 826
constexpr std::size_t kOperationAt = 6;
constexpr std::size_t kSenderMacAt = 8;
constexpr std::size_t kSenderIpAt = 14;
constexpr std::size_t kTargetIpAt = 24;

// RFC 8200, 3
constexpr std::size_t kIpv6Header = 40;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::size_t kSourceAt = 8;
constexpr std::size_t kDestinationAt = 24;
// RFC 4861, 4.3, 4.4 and 4.6.1: hop limit, types, and the first option
constexpr std::uint8_t kHopLimit = 255;
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::size_t kTargetAt = kIpv6Header + 8;
constexpr std::size_t kOptionAt = kIpv6Header + 24;
constexpr std::uint8_t kTargetMac = 2;

}  // namespace

std::array<std::uint8_t, kArpBytes> arp_probe(const MacAddress& mac,
                                              const IpAddress& address) noexcept {
  std::array<std::uint8_t, kArpBytes> packet{};
  store_be16(packet.data(), kEthernet);
  store_be16(&packet[2], kIpv4);
  packet[4] = 6;  // bytes of a hardware address
  packet[5] = 4;  // and of a protocol address
  store_be16(&packet[kOperationAt], kRequest);
  std::ranges::copy(mac.bytes, &packet[kSenderMacAt]);
  std::ranges::copy(address.bytes(), &packet[kTargetIpAt]);
  return packet;
}

IpAddress solicited_node(const IpAddress& address) noexcept {
  std::array<std::uint8_t, 16> group{0xff, 0x02};
  group[11] = 1;
  group[12] = 0xff;
  std::ranges::copy(address.bytes().last(3), &group[13]);
  return IpAddress::v6(group);
}

std::array<std::uint8_t, kSolicitationBytes> nd_probe(const IpAddress& address) noexcept {
  std::array<std::uint8_t, kSolicitationBytes> packet{};
  constexpr std::uint16_t kMessage = kSolicitationBytes - kIpv6Header;
  packet[0] = 6 << 4;
  store_be16(&packet[4], kMessage);
  packet[6] = kIcmpv6;
  packet[7] = kHopLimit;
  std::ranges::copy(solicited_node(address).bytes(), &packet[kDestinationAt]);
  packet[kIpv6Header] = kSolicitation;
  std::ranges::copy(address.bytes(), &packet[kTargetAt]);
  const auto sum =
      td_csum_bytes(kMessage + kIcmpv6, &packet[kSourceAt], kSolicitationBytes - kSourceAt);
  store_be16(&packet[kIpv6Header + 2], td_csum_fold(sum));
  return packet;
}

std::optional<Claim> arp_claim(std::span<const std::uint8_t> packet) noexcept {
  if (packet.size() < kArpBytes || load_be16(packet.data()) != kEthernet ||
      load_be16(&packet[2]) != kIpv4 || packet[4] != 6 || packet[5] != 4)
    return std::nullopt;
  Claim claim;
  std::ranges::copy_n(&packet[kSenderMacAt], 6, claim.mac.bytes.begin());
  claim.address = IpAddress::v4(packet.subspan(kSenderIpAt).first<4>());
  if (claim.address.is_unspecified()) return std::nullopt;
  return claim;
}

std::optional<Claim> nd_claim(std::span<const std::uint8_t> packet) noexcept {
  if (packet.size() < kOptionAt + 8 || packet[0] >> 4 != 6 || packet[6] != kIcmpv6 ||
      packet[7] != kHopLimit || packet[kIpv6Header] != kAdvertisement ||
      packet[kOptionAt] != kTargetMac || packet[kOptionAt + 1] != 1)
    return std::nullopt;
  Claim claim{IpAddress::v6(packet.subspan(kTargetAt).first<16>()), {}};
  std::ranges::copy_n(&packet[kOptionAt + 2], 6, claim.mac.bytes.begin());
  return claim;
}

}  // namespace tandem::doctor
