// SPDX-License-Identifier: Apache-2.0
// The receive checks of RFC 9568, 7.1, and RFC 3768, 7.1, in their order: what carries the advert
// (is it VRRP at all, hop limit, source), then version, type, length, count, interval, checksum
// and, for version 2, the type of authentication. The first that fails is the reason. The password is
// compared where the configuration is known: src/vrrp/receive_checks.cpp.
#include <algorithm>

#include "base/bytes.hpp"
#include "wire/ip.hpp"
#include "wire/vrrp.hpp"
#include "wire/vrrp_layout.hpp"

namespace tandem::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;

// An advert goes to a group or, by an extension that all implementations share, to one peer. Which
// group is its virtual router's, who is not known yet.
bool is_advert_destination(const IpAddress& address) noexcept {
  const bool limited_broadcast =
      address.is_v4() && std::ranges::all_of(address.bytes(), [](auto b) { return b == 0xff; });
  return !(address.is_unspecified() || limited_broadcast);
}

std::optional<AdvertDrop> judge_carrier(const IpPacket& ip) noexcept {
  if (ip.protocol != kVrrpProtocol || ip.fragment || !is_advert_destination(ip.destination))
    return AdvertDrop::not_vrrp;
  // Unicast may come through routers, where signatures say who sent it.
  if (ip.hop_limit != kVrrpTtl && ip.destination.is_multicast()) return AdvertDrop::ttl;
  if (!ip.header_intact) return AdvertDrop::checksum;  // RFC 1122, 3.2.1.2
  // RFC 9568, 5.1.2.1; unicast peers, which the RFC does not know, may use global addresses.
  if (!ip.source.is_v4() && ip.destination.is_multicast() && !ip.source.is_link_local())
    return AdvertDrop::not_link_local;
  return std::nullopt;
}

// The interval as the message carries it: seconds (version 2) or centiseconds (version 3).
// The reserved bits of version 3 are ignored (RFC 9568, 5.2.6).
Duration interval_of(Bytes message, std::uint8_t version) noexcept {
  if (version == 2) return std::chrono::seconds(message[kV2IntervalAt]);
  return Centiseconds(load_be16(&message[kV3IntervalAt]) & kV3IntervalMask);
}

// Everything of the fixed part that can be wrong by itself. message: at least kFixedBytes.
std::optional<AdvertDrop> judge_header(Bytes message, Family family) noexcept {
  const auto version = static_cast<std::uint8_t>(message[0] >> 4);
  if (version != 3 && !(version == 2 && family == Family::ipv4)) return AdvertDrop::version;
  if ((message[0] & 0x0f) != kTypeAdvertisement) return AdvertDrop::type;
  if (message.size() < message_bytes(family, version, message[kCountAt]))
    return AdvertDrop::truncated;
  if (message[kCountAt] == 0) return AdvertDrop::count_zero;
  if (interval_of(message, version) == Duration::zero()) return AdvertDrop::interval_zero;
  return std::nullopt;
}

// Which form the checksum of these bytes is right by, if by any.
std::optional<ChecksumForm> checksum_form(Bytes message, std::uint8_t version,
                                          const IpPacket& ip) noexcept {
  const auto length = static_cast<std::uint32_t>(message.size());
  const std::uint32_t sum = td_csum_bytes(0, message.data(), length);
  if (version == 3 && td_csum_fold(add_pseudo_header(sum, ip.source, ip.destination, length)) == 0)
    return ChecksumForm::pseudo_header;
  if (ip.source.is_v4() && td_csum_fold(sum) == 0) return ChecksumForm::message;
  return std::nullopt;
}

// That of a signed IPv6 advert covers the signature as well where a kernel wrote it. One that an
// implementation wrote for the message alone is right, too.
std::optional<ChecksumForm> checksum_form(Bytes message, Bytes signature, std::uint8_t version,
                                          const IpPacket& ip) noexcept {
  const auto form = checksum_form(message, version, ip);
  if (form || ip.source.is_v4() || signature.empty()) return form;
  return checksum_form({message.data(), message.size() + signature.size()}, version, ip);
}

Signature signature_of(Bytes bytes) noexcept {
  Signature signature;
  signature.type = bytes[kSignatureTypeAt];
  signature.key = bytes[kSignatureKeyAt];
  signature.reserved = load_be16(&bytes[kSignatureReservedAt]);
  signature.sequence = load_be64(&bytes[kSequenceAt]);
  std::ranges::copy(bytes.subspan(kCodeAt), signature.code.begin());
  return signature;
}

IpAddress address_at(Bytes message, Family family, std::size_t index) noexcept {
  const Bytes bytes =
      message.subspan(kFixedBytes + index * address_bytes(family), address_bytes(family));
  return family == Family::ipv4 ? IpAddress::v4(bytes.first<4>())
                                : IpAddress::v6(bytes.first<16>());
}

// message: judged by judge_header(), and of exactly its own length.
void fill_advert(Bytes message, Family family, Advert& advert) noexcept {
  advert.family = family;
  advert.version = static_cast<std::uint8_t>(message[0] >> 4);
  advert.vrid = message[kVridAt];
  advert.priority = message[kPriorityAt];
  advert.interval = interval_of(message, advert.version);
  for (std::size_t i = 0; i < message[kCountAt]; ++i)
    advert.addresses.push_back(address_at(message, family, i));
  if (advert.version == 2 && message[kV2AuthTypeAt] == kV2AuthPassword)
    std::ranges::copy(message.last<kV2AuthBytes>(), advert.password.emplace().begin());
}

bool known_authentication(Bytes message) noexcept {
  return message[kV2AuthTypeAt] == kV2AuthNone || message[kV2AuthTypeAt] == kV2AuthPassword;
}

}  // namespace

std::expected<ReceivedAdvert, AdvertDrop> parse_advert(
    std::span<const std::uint8_t> packet) noexcept {
  const auto ip = parse_ip(packet);
  if (!ip)
    return std::unexpected(ip.error() == IpFault::truncated ? AdvertDrop::truncated
                                                            : AdvertDrop::not_vrrp);
  if (const auto drop = judge_carrier(*ip)) return std::unexpected(*drop);

  const Family family = ip->source.family();
  if (ip->payload.size() < kFixedBytes) return std::unexpected(AdvertDrop::truncated);
  if (const auto drop = judge_header(ip->payload, family)) return std::unexpected(*drop);

  // What follows the message inside the IP packet is no part of it. Of the right length it is a
  // signature.
  const auto version = static_cast<std::uint8_t>(ip->payload[0] >> 4);
  const Bytes message = ip->payload.first(message_bytes(family, version, ip->payload[kCountAt]));
  const Bytes rest = ip->payload.subspan(message.size());
  const Bytes signature = rest.size() == kSignatureBytes ? rest : Bytes{};
  const auto form = checksum_form(message, signature, version, *ip);
  if (!form) return std::unexpected(AdvertDrop::checksum);
  if (version == 2 && !known_authentication(message))
    return std::unexpected(AdvertDrop::authentication);

  std::expected<ReceivedAdvert, AdvertDrop> received;
  received->source = ip->source;
  received->destination = ip->destination;
  received->hop_limit = ip->hop_limit;
  received->advert.checksum = *form;
  fill_advert(message, family, received->advert);
  if (!signature.empty()) {
    received->advert.signature = signature_of(signature);
    received->signed_bytes = ip->payload.first(message.size() + kCodeAt);
  }
  return received;
}

}  // namespace tandem::wire
