// SPDX-License-Identifier: Apache-2.0
#include "doctor/arp.hpp"

#include <algorithm>

#include "base/bytes.hpp"

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

std::optional<ArpClaim> arp_claim(std::span<const std::uint8_t> packet) noexcept {
  if (packet.size() < kArpBytes || load_be16(packet.data()) != kEthernet ||
      load_be16(&packet[2]) != kIpv4 || packet[4] != 6 || packet[5] != 4)
    return std::nullopt;
  ArpClaim claim;
  std::ranges::copy_n(&packet[kSenderMacAt], 6, claim.mac.bytes.begin());
  claim.address = IpAddress::v4(packet.subspan(kSenderIpAt).first<4>());
  if (claim.address.is_unspecified()) return std::nullopt;
  return claim;
}

}  // namespace tandem::doctor
