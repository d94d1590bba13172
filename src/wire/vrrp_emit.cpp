// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/bytes.hpp"
#include "wire/vrrp.hpp"
#include "wire/vrrp_layout.hpp"

namespace tandem::wire {
namespace {

// The interval as a whole number of `Unit` in 1..max, or 0 where it is none.
template <class Unit>
std::uint16_t whole(Duration interval, std::uint16_t max) noexcept {
  const auto units = std::chrono::duration_cast<Unit>(interval);
  return units == interval && units.count() >= 1 && units.count() <= max
             ? static_cast<std::uint16_t>(units.count())
             : std::uint16_t{0};
}

// Seconds for version 2, centiseconds for version 3, 0 if the format cannot carry it.
std::uint16_t wire_interval(const Advert& advert) noexcept {
  return advert.version == 2 ? whole<std::chrono::seconds>(advert.interval, 255)
                             : whole<Centiseconds>(advert.interval, kV3IntervalMask);
}

// Whether a message can say what the advert says: a receiver would drop it otherwise.
bool is_representable(const Advert& advert) noexcept {
  const bool version_fits =
      advert.version == 3 || (advert.version == 2 && advert.family == Family::ipv4);
  return version_fits && wire_interval(advert) != 0 && !advert.addresses.empty() &&
         std::ranges::all_of(advert.addresses,
                             [&](const IpAddress& a) { return a.family() == advert.family; });
}

void write_interval_and_type(const Advert& advert, std::uint8_t* out) noexcept {
  if (advert.version == 3) {
    store_be16(out + kV3IntervalAt, wire_interval(advert));  // the reserved bits are 0
    return;
  }
  out[kV2AuthTypeAt] = advert.password ? kV2AuthPassword : kV2AuthNone;
  out[kV2IntervalAt] = static_cast<std::uint8_t>(wire_interval(advert));
}

void write_signature(const Signature& signature, std::uint8_t* out) noexcept {
  out[kSignatureTypeAt] = signature.type;
  out[kSignatureKeyAt] = signature.key;
  store_be16(out + kSignatureReservedAt, signature.reserved);
  store_be64(out + kSequenceAt, signature.sequence);
  std::ranges::copy(signature.code, out + kCodeAt);
}

// With IPv4 the checksum is the message's own. With IPv6 it is that of all that IP carries: kernels
// that write and verify it there know nothing of messages.
std::size_t summed_bytes(const Advert& advert, std::size_t message, std::size_t whole) noexcept {
  return advert.family == Family::ipv6 ? whole : message;
}

bool has_pseudo_header(const Advert& advert) noexcept {
  return advert.version == 3 &&
         (advert.family == Family::ipv6 || advert.checksum == ChecksumForm::pseudo_header);
}

}  // namespace

std::size_t emit_advert(const Advert& advert, const IpAddress& source, const IpAddress& destination,
                        std::span<std::uint8_t> out) noexcept {
  const std::size_t message = message_bytes(advert.family, advert.version, advert.addresses.size());
  const std::size_t length = message + (advert.signature ? kSignatureBytes : 0);
  if (out.size() < length || !is_representable(advert) || source.family() != advert.family ||
      destination.family() != advert.family)
    return 0;

  out[0] = static_cast<std::uint8_t>(advert.version << 4 | kTypeAdvertisement);
  out[kVridAt] = advert.vrid;
  out[kPriorityAt] = advert.priority;
  out[kCountAt] = static_cast<std::uint8_t>(advert.addresses.size());
  write_interval_and_type(advert, out.data());
  store_be16(&out[kChecksumAt], 0);
  std::uint8_t* next = &out[kFixedBytes];
  for (const IpAddress& address : advert.addresses)
    next = std::ranges::copy(address.bytes(), next).out;
  if (advert.version == 2) std::ranges::copy(advert.password.value_or(Password{}), next);
  if (advert.signature) write_signature(*advert.signature, &out[message]);

  const std::size_t summed = summed_bytes(advert, message, length);
  std::uint32_t sum = td_csum_bytes(0, out.data(), static_cast<std::uint32_t>(summed));
  if (has_pseudo_header(advert)) sum = add_pseudo_header(sum, source, destination, summed);
  store_be16(&out[kChecksumAt], td_csum_fold(sum));
  return length;
}

}  // namespace tandem::wire
