// SPDX-License-Identifier: Apache-2.0
// The signatures of adverts (draft-cassen-vrrp-auth-hmac): HMAC-SHA256 (RFC 2104), cut to 128 bits,
// over
//   20 bytes: 4 or 6; the VRRP version; the VRID; 0; the sender's address, IPv4 in the first four of
//             16 bytes;
//   the message, with 0 for its checksum;
//   the signature, with 0 for its code.
// So neither the destination nor the IP header is covered: one signature is for all unicast peers, and
// routers may change what they have to. The sequence is the time of day in 1/2^32 s, whose last 16
// bits count; it wraps around, and is compared by its distance (RFC 1982).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/time.hpp"
#include "wire/vrrp.hpp"

namespace tandem::wire {

// What a node does with signatures: verifies those that there are; signs besides; wants them.
enum class SigningMode : std::uint8_t { receive_only, permissive, enforce };

// What tells an old advert from a new one: the time of day, or that sequences grow and nothing else.
enum class AntiReplay : std::uint8_t { time, monotonic };

inline constexpr std::size_t kShortestSecret = 32;  // bytes
inline constexpr std::size_t kLongestSecret = 64;
using Secret = std::array<std::uint8_t, kLongestSecret>;  // zero padded, as HMAC does

// For an instant, as the time since 1970: the lowest sequence.
[[nodiscard]] std::uint64_t sequence_at(Duration time_of_day) noexcept;
// How much later the first is than the second, by less than 68 years.
[[nodiscard]] Duration later_by(std::uint64_t sequence, std::uint64_t than) noexcept;
[[nodiscard]] constexpr bool is_newer(std::uint64_t sequence, std::uint64_t than) noexcept {
  return static_cast<std::int64_t>(sequence - than) > 0;
}

// signed_bytes: a message, and its signature without the code. Nothing is allocated, no lock taken.
[[nodiscard]] Signature::Code code_of(const Secret& secret, const IpAddress& source,
                                      std::span<const std::uint8_t> signed_bytes) noexcept;
// Whether the code is that, in a time that does not tell how much of it is right.
[[nodiscard]] bool is_code_of(const Signature::Code& code, const Secret& secret,
                              const IpAddress& source,
                              std::span<const std::uint8_t> signed_bytes) noexcept;

// Sets the code of the advert's signature, by all else that it has. false: no message can say that.
[[nodiscard]] bool sign(Advert& advert, const IpAddress& source, const Secret& secret) noexcept;

}  // namespace tandem::wire
