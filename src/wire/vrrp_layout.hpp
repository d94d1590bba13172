// SPDX-License-Identifier: Apache-2.0
// Where things are in a VRRP message, for the two halves of the codec.
//
//   0        8        16       24       32 bits
//   +--------+--------+--------+--------+
//   |ver|type|  VRID  |priority| count  |
//   +--------+--------+--------+--------+   version 3: 4 reserved bits, 12 bits of centiseconds
//   | auth   |interval|    checksum     |   version 2: authentication type, seconds
//   +--------+--------+--------+--------+
//   | count addresses of 4 or 16 bytes  |
//   +-----------------------------------+
//   | 8 authentication bytes            |   version 2 only, whatever the type
//   +--------+--------+--------+--------+
//   | type   | key    | reserved        |   of a signed advert only, which its length tells
//   +-----------------+-----------------+   (draft-cassen-vrrp-auth-hmac)
//   | sequence, 8 bytes                 |
//   +-----------------------------------+
//   | code, 16 bytes                    |
//   +-----------------------------------+
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ratio>
#include <span>

#include "base/address.hpp"
#include "tandem/checksum.h"
#include "wire/vrrp.hpp"

namespace tandem::wire {

using Centiseconds = std::chrono::duration<std::int64_t, std::centi>;

inline constexpr std::uint8_t kTypeAdvertisement = 1;  // RFC 9568, 5.2.2
inline constexpr std::size_t kFixedBytes = 8;
inline constexpr std::size_t kVridAt = 1;
inline constexpr std::size_t kPriorityAt = 2;
inline constexpr std::size_t kCountAt = 3;
inline constexpr std::size_t kV3IntervalAt = 4;  // two bytes, the upper four bits are reserved
inline constexpr std::uint16_t kV3IntervalMask = 0x0fff;
inline constexpr std::size_t kV2AuthTypeAt = 4;
inline constexpr std::size_t kV2IntervalAt = 5;
inline constexpr std::size_t kChecksumAt = 6;

inline constexpr std::size_t kV2AuthBytes = 8;
inline constexpr std::uint8_t kV2AuthNone = 0;      // RFC 3768, 5.3.6
inline constexpr std::uint8_t kV2AuthPassword = 1;  // RFC 2338, 5.3.6; reserved by RFC 3768

inline constexpr std::size_t kSignatureBytes = 28;
inline constexpr std::size_t kSignatureTypeAt = 0;
inline constexpr std::size_t kSignatureKeyAt = 1;
inline constexpr std::size_t kSignatureReservedAt = 2;
inline constexpr std::size_t kSequenceAt = 4;
inline constexpr std::size_t kCodeAt = 12;

constexpr std::size_t address_bytes(Family family) noexcept {
  return family == Family::ipv4 ? 4 : 16;
}

constexpr std::size_t message_bytes(Family family, std::uint8_t version,
                                    std::size_t count) noexcept {
  return kFixedBytes + count * address_bytes(family) + (version == 2 ? kV2AuthBytes : 0);
}

// What the pseudo-header adds to the sum over a message (RFC 9568, 5.2.8; RFC 8200, 8.1).
inline std::uint32_t add_pseudo_header(std::uint32_t sum, const IpAddress& source,
                                       const IpAddress& destination,
                                       std::size_t message_length) noexcept {
  return td_csum_pseudo_header(sum, source.bytes().data(), destination.bytes().data(),
                               static_cast<std::uint32_t>(source.bytes().size()),
                               static_cast<std::uint32_t>(message_length), kVrrpProtocol);
}

}  // namespace tandem::wire
