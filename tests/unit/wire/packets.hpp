// SPDX-License-Identifier: Apache-2.0
// Packets for the tests of the codec: from hex, wrapped in IP, changed and made valid again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "tandem/checksum.h"
#include "wire/vrrp.hpp"

namespace tandem::wire::testing {

using Packet = std::vector<std::uint8_t>;

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

inline Packet from_hex(std::string_view hex) {
  Packet bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t b : bytes) {
    hex += kDigits[b >> 4];
    hex += kDigits[b & 0x0f];
  }
  return hex;
}

// Makes the IPv4 header's checksum right again.
inline void seal_ipv4_header(Packet& packet) {
  const std::uint32_t header_bytes = (packet[0] & 0x0fU) * 4;
  store_be16(&packet[10], 0);
  store_be16(&packet[10], td_csum_fold(td_csum_bytes(0, packet.data(), header_bytes)));
}

// The message in an IP packet with TTL 255; IPv4 with `options` (a multiple of 4 bytes).
inline Packet in_ip(const Packet& message, const IpAddress& source, const IpAddress& destination,
                    const Packet& options = {}) {
  Packet packet;
  if (source.is_v4()) {
    packet = from_hex("45c0000000004000ff700000");
    packet[0] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
    store_be16(&packet[2], static_cast<std::uint16_t>(20 + options.size() + message.size()));
  } else {
    packet = from_hex("6c000000000070ff");
    store_be16(&packet[4], static_cast<std::uint16_t>(message.size()));
  }
  packet.insert(packet.end(), source.bytes().begin(), source.bytes().end());
  packet.insert(packet.end(), destination.bytes().begin(), destination.bytes().end());
  packet.insert(packet.end(), options.begin(), options.end());
  if (source.is_v4()) seal_ipv4_header(packet);
  packet.insert(packet.end(), message.begin(), message.end());
  return packet;
}

// Makes the checksum of a changed message right again, without a pseudo-header.
inline void seal_message(Packet& message) {
  store_be16(&message[6], 0);
  store_be16(&message[6], td_csum_fold(td_csum_bytes(0, message.data(),
                                                     static_cast<std::uint32_t>(message.size()))));
}

// Emits the message of `advert` alone.
inline Packet message_of(const Advert& advert, const IpAddress& source,
                         const IpAddress& destination) {
  Packet message(4608);
  message.resize(emit_advert(advert, source, destination, message));
  return message;
}

inline Advert advert_v3(Family family = Family::ipv4) {
  Advert advert;
  advert.family = family;
  advert.vrid = 51;
  advert.priority = 150;
  advert.interval = std::chrono::seconds(1);
  if (family == Family::ipv4)
    advert.addresses = {ip("192.0.2.100"), ip("192.0.2.101")};
  else
    advert.addresses = {ip("fe80::100"), ip("2001:db8::100")};
  return advert;
}

inline Advert advert_v2() {
  Advert advert = advert_v3();
  advert.version = 2;
  advert.checksum = ChecksumForm::message;
  return advert;
}

inline IpAddress router_of(Family family) {
  return family == Family::ipv4 ? ip("192.0.2.2") : ip("fe80::2");
}

// A valid IP packet with the advert, to the group.
inline Packet packet_of(const Advert& advert) {
  const IpAddress source = router_of(advert.family);
  const IpAddress group = vrrp_group(advert.family);
  return in_ip(message_of(advert, source, group), source, group);
}

// Parses from memory of exactly the packet's size, so that a sanitizer sees any read beyond it.
inline std::expected<ReceivedAdvert, AdvertDrop> parse_exactly(
    std::span<const std::uint8_t> packet) {
  const auto copy = std::make_unique<std::uint8_t[]>(packet.size());
  std::ranges::copy(packet, copy.get());
  return parse_advert({copy.get(), packet.size()});
}

}  // namespace tandem::wire::testing
