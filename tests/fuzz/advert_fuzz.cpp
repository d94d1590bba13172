// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as an IP packet: once as they are, once with the checksums made right, since
// chance rarely gets past those. Whatever parses is an advert that we could have sent: emitted in a
// frame of ours, it parses to an equal value.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "tandem/checksum.h"
#include "wire/frame.hpp"
#include "wire/ip.hpp"
#include "wire/signature.hpp"
#include "wire/vrrp_layout.hpp"

namespace {

using namespace tandem;

void require(bool holds) {
  if (!holds) std::abort();
}

void survives_a_round_trip(const wire::ReceivedAdvert& received) {
  constexpr std::size_t kLinkBytes = 14;
  std::array<std::uint8_t, wire::kMaxFrame> frame;
  const std::size_t length = wire::emit_advert_frame(received.advert, {}, {}, received.source,
                                                     received.destination, frame);
  require(length > kLinkBytes);
  const auto again =
      wire::parse_advert(std::span<const std::uint8_t>(frame).first(length).subspan(kLinkBytes));
  require(again.has_value());
  require(again->advert == received.advert);
  require(again->source == received.source && again->destination == received.destination);
}

void try_to_parse(std::span<const std::uint8_t> packet) {
  const auto received = wire::parse_advert(packet);
  if (!received) return;
  survives_a_round_trip(*received);
  if (received->advert.signature)
    (void)wire::is_code_of(received->advert.signature->code, {}, received->source,
                           received->signed_bytes);
}

std::uint16_t checksum_of(std::span<const std::uint8_t> bytes, std::uint32_t pseudo_header) {
  return td_csum_fold(
      td_csum_bytes(pseudo_header, bytes.data(), static_cast<std::uint32_t>(bytes.size())));
}

// Makes the checksums of an IPv4 header and of a whole VRRP message right: for odd VRIDs by the
// message-only form, where there is one.
void seal(std::span<std::uint8_t> packet) {
  const auto ip = wire::parse_ip(packet);
  if (!ip) return;
  const Family family = ip->source.family();
  const auto payload_at = static_cast<std::size_t>(ip->payload.data() - packet.data());
  if (family == Family::ipv4) {
    store_be16(&packet[10], 0);
    store_be16(&packet[10], checksum_of(packet.first(payload_at), 0));
  }
  if (ip->payload.size() < wire::kFixedBytes) return;
  const auto version = static_cast<std::uint8_t>(ip->payload[0] >> 4);
  const std::size_t length = wire::message_bytes(family, version, ip->payload[wire::kCountAt]);
  if (ip->payload.size() < length) return;

  const auto message = packet.subspan(payload_at, length);
  const bool message_only =
      family == Family::ipv4 && (version == 2 || message[wire::kVridAt] % 2 == 1);
  store_be16(&message[wire::kChecksumAt], 0);
  const std::uint32_t pseudo_header =
      message_only ? 0 : wire::add_pseudo_header(0, ip->source, ip->destination, length);
  store_be16(&message[wire::kChecksumAt], checksum_of(message, pseudo_header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try_to_parse({data, size});
  std::vector<std::uint8_t> sealed(data, data + size);
  seal(sealed);
  try_to_parse(sealed);
  return 0;
}
