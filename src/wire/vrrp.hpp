// SPDX-License-Identifier: Apache-2.0
// VRRP adverts on the wire: version 2 (RFC 3768, 5.1) and version 3 (RFC 9568, 5.1), for IPv4 and
// IPv6. parse_advert() checks everything that can be judged from the packet alone and returns a
// value; emit_advert() writes a value. What depends on configuration or state (is the VRID ours,
// does the password match, is the sender a unicast peer) is the state machine's to judge.
#pragma once

#include <array>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/time.hpp"

namespace tandem::wire {

inline constexpr std::uint8_t kVrrpProtocol = 112;
inline constexpr std::uint8_t kVrrpTtl = 255;        // RFC 9568, 5.1.1.3
inline constexpr std::uint8_t kOwnerPriority = 255;  // RFC 9568, 5.2.4: the addresses are its own

// What a version 3 IPv4 checksum covers. RFC 9568, 5.2.8 says the message only; RFC 5798 was read
// as including a pseudo-header, and so do keepalived, FRR and VPP. Version 2 is always `message`,
// IPv6 always `pseudo_header`.
enum class ChecksumForm : std::uint8_t { pseudo_header, message };

// Why an advert was dropped. Stable: numbers are never reused; names are what users see.
enum class AdvertDrop : std::uint8_t {
  truncated = 1,           // shorter than its headers or address count say
  ttl = 2,                 // TTL / hop limit is not 255 (RFC 9568, 7.1)
  version = 3,             // not 2 or 3, or not the version of the virtual router
  type = 4,                // not 1 (ADVERTISEMENT)
  count_zero = 5,          // no address
  interval_zero = 6,       // interval 0: would make the receiver Active at once
  checksum = 7,            // of the message, or of the IPv4 header
  unknown_vrid = 8,        // no such virtual router on this interface and family
  not_link_local = 9,      // IPv6 source is not link-local, sent to the group
  authentication = 10,     // version 2: type or password differ
  interval_mismatch = 11,  // version 2: interval differs from ours
  not_a_peer = 12,         // unicast: the source is not one of unicast_peers
  own = 13,                // our own advert came back
  not_vrrp = 14,           // no IP packet with protocol 112, a fragment, or a wrong destination
  not_signed = 15,         // has no signature, where one is asked for
  unknown_key = 16,        // is signed by a key that is not configured
  bad_signature = 17,      // its signature is wrong, or of another type
  stale = 18,              // signed, but at another time than this
  replay = 19,             // signed, but no newer than one that was heard before
};
inline constexpr std::size_t kAdvertDrops = 20;  // array size for counters indexed by AdvertDrop
[[nodiscard]] const char* to_string(AdvertDrop reason) noexcept;  // "truncated", "ttl", ...

using AddressList = boost::container::static_vector<IpAddress, 255>;
using Password = std::array<char, 8>;  // zero padded

// What a signed advert has behind its message (draft-cassen-vrrp-auth-hmac). Its meaning is that of
// wire/signature.hpp.
struct Signature {
  using Code = std::array<std::uint8_t, 16>;
  static constexpr std::uint8_t kHmacSha256 = 1;  // cut to 128 bits

  std::uint8_t type = kHmacSha256;
  std::uint8_t key = 0;  // the number of the key
  std::uint16_t reserved = 0;
  std::uint64_t sequence = 0;  // the time of day, and a count: it grows with each advert
  Code code{};

  bool operator==(const Signature&) const = default;
};

struct Advert {
  Family family = Family::ipv4;
  std::uint8_t version = 3;
  std::uint8_t vrid = 0;
  std::uint8_t priority = 0;
  Duration interval{};  // version 2: whole seconds 1-255; version 3: centiseconds 1-4095
  AddressList addresses;
  std::optional<Password> password;                     // version 2, authentication type 1
  ChecksumForm checksum = ChecksumForm::pseudo_header;  // as found, or as to be written
  std::optional<Signature> signature{};                 // none: not signed

  bool operator==(const Advert&) const = default;
};

struct ReceivedAdvert {
  Advert advert;
  IpAddress source;
  IpAddress destination;
  std::uint8_t hop_limit = kVrrpTtl;  // less only if it is unicast
  // The message and what follows it up to the signature's code, in the packet that was parsed.
  std::span<const std::uint8_t> signed_bytes{};
  Duration time_of_day{};  // when it came, since 1970; filled in by the caller where it is signed
};

// packet: an IP packet from its first byte on; trailing link-layer padding is allowed. A signature
// is not verified. Whether a unicast advert may come from beyond a router is the caller's to judge.
[[nodiscard]] std::expected<ReceivedAdvert, AdvertDrop> parse_advert(
    std::span<const std::uint8_t> packet) noexcept;

// Writes the VRRP message alone (no IP header) and returns its length, 0 if it does not fit `out`
// or no message can say it: no address or one of the other family, an interval that is no whole
// number of the version's unit in its range, version 2 for IPv6. Version 3 has no password.
// source and destination enter the checksum where the form or the family asks for them. A signature
// follows the message, and is a part of the length.
[[nodiscard]] std::size_t emit_advert(const Advert& advert, const IpAddress& source,
                                      const IpAddress& destination,
                                      std::span<std::uint8_t> out) noexcept;

// 224.0.0.18 or ff02::12 (RFC 9568, 5.1.1.2 and 5.1.2.2).
[[nodiscard]] IpAddress vrrp_group(Family family) noexcept;

}  // namespace tandem::wire
