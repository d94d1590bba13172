// SPDX-License-Identifier: Apache-2.0
// Every frame is written in the same steps: the length is known beforehand and compared with the
// room there is, then link header, IP header and message follow one another. No padding to the 60
// bytes of Ethernet's minimum: drivers do that.
#include "wire/frame.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "tandem/checksum.h"
#include "wire/ip.hpp"

namespace tandem::wire {
namespace {

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint16_t kEtherTypeVlan = 0x8100;         // IEEE 802.1Q C-tag
constexpr std::uint16_t kEtherTypeServiceVlan = 0x88a8;  // IEEE 802.1ad S-tag
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint16_t kMaxVlanId = 4094;
constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kTagBytes = 4;
constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

std::size_t tag_count(const Link& link) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(link.vlan, [](std::uint16_t id) { return id != 0; }));
}

// Bytes of the link header, 0 if a VLAN ID is none.
std::size_t link_bytes(const Link& link) noexcept {
  if (std::ranges::any_of(link.vlan, [](std::uint16_t id) { return id > kMaxVlanId; })) return 0;
  return kEthernetBytes + tag_count(link) * kTagBytes;
}

void write_link_header(std::uint8_t* out, const Link& link, const MacAddress& destination,
                       std::uint16_t ether_type) noexcept {
  out = std::ranges::copy(destination.bytes, out).out;
  out = std::ranges::copy(link.source.bytes, out).out;
  std::size_t tags_left = tag_count(link);
  for (const std::uint16_t id : link.vlan) {
    if (id == 0) continue;
    store_be16(out, tags_left == 2 ? kEtherTypeServiceVlan : kEtherTypeVlan);
    store_be16(out + 2, id);  // priority and drop eligibility 0
    out += kTagBytes;
    --tags_left;
  }
  store_be16(out, ether_type);
}

// RFC 826, for Ethernet and IPv4.
constexpr std::size_t kArpBytes = 28;

void write_arp_announcement(std::uint8_t* out, const MacAddress& owner,
                            const IpAddress& address) noexcept {
  store_be16(out, 1);                   // hardware: Ethernet
  store_be16(out + 2, kEtherTypeIpv4);  // protocol
  out[4] = 6;                           // bytes of a hardware address
  out[5] = 4;                           // bytes of a protocol address
  store_be16(out + 6, 1);               // request
  std::ranges::copy(owner.bytes, out + 8);
  std::ranges::copy(address.bytes(), out + 14);
  std::fill_n(out + 18, 6, std::uint8_t{0});  // target hardware address (RFC 5227, 2.1.1)
  std::ranges::copy(address.bytes(), out + 24);
}

// RFC 4861, 4.4 and 4.6.1.
constexpr std::size_t kNaBytes = 24 + 8;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kTypeNeighbourAdvertisement = 136;
constexpr std::uint8_t kRouter = 0x80;
constexpr std::uint8_t kOverride = 0x20;
constexpr std::uint8_t kTargetLinkLayerAddress = 2;

void write_na(std::uint8_t* out, const MacAddress& owner, const IpAddress& address,
              const IpAddress& destination) noexcept {
  std::fill_n(out, kNaBytes, std::uint8_t{0});
  out[0] = kTypeNeighbourAdvertisement;
  out[4] = kRouter | kOverride;
  std::ranges::copy(address.bytes(), out + 8);
  out[24] = kTargetLinkLayerAddress;
  out[25] = 1;  // length of the option in units of 8 bytes
  std::ranges::copy(owner.bytes, out + 26);

  const std::uint32_t sum =
      td_csum_pseudo_header(td_csum_bytes(0, out, kNaBytes), address.bytes().data(),
                            destination.bytes().data(), 16, kNaBytes, kIcmpv6);
  store_be16(out + 2, td_csum_fold(sum));
}

IpAddress all_nodes() noexcept {
  static constexpr std::array<std::uint8_t, 16> kAllNodes{0xff, 0x02, 0, 0, 0, 0, 0, 0,
                                                          0,    0,    0, 0, 0, 0, 0, 1};
  return IpAddress::v6(kAllNodes);  // RFC 4291, 2.7.1
}

}  // namespace

MacAddress multicast_mac(const IpAddress& group) noexcept {
  const auto bytes = group.bytes();
  if (group.is_v4())
    return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(bytes[1] & 0x7f), bytes[2], bytes[3]}};
  return {{0x33, 0x33, bytes[12], bytes[13], bytes[14], bytes[15]}};
}

std::size_t emit_advert_frame(const Advert& advert, const Link& link,
                              const MacAddress& destination_mac, const IpAddress& source,
                              const IpAddress& destination, std::span<std::uint8_t> out) noexcept {
  const std::size_t link_length = link_bytes(link);
  const std::size_t message_at = link_length + ip_header_bytes(advert.family);
  if (link_length == 0 || out.size() < message_at) return 0;
  const std::size_t message_length =
      emit_advert(advert, source, destination, out.subspan(message_at));
  if (message_length == 0) return 0;

  write_link_header(out.data(), link, destination_mac,
                    advert.family == Family::ipv4 ? kEtherTypeIpv4 : kEtherTypeIpv6);
  write_ip_header(&out[link_length], source, destination, kVrrpProtocol, message_length);
  return message_at + message_length;
}

std::size_t emit_garp_frame(const Link& link, const MacAddress& owner, const IpAddress& address,
                            std::span<std::uint8_t> out) noexcept {
  const std::size_t link_length = link_bytes(link);
  if (link_length == 0 || !address.is_v4() || out.size() < link_length + kArpBytes) return 0;
  write_link_header(out.data(), link, kBroadcast, kEtherTypeArp);
  write_arp_announcement(&out[link_length], owner, address);
  return link_length + kArpBytes;
}

std::size_t emit_na_frame(const Link& link, const MacAddress& owner, const IpAddress& address,
                          std::span<std::uint8_t> out) noexcept {
  const std::size_t link_length = link_bytes(link);
  const std::size_t message_at = link_length + kIpv6HeaderBytes;
  if (link_length == 0 || address.is_v4() || out.size() < message_at + kNaBytes) return 0;
  const IpAddress destination = all_nodes();
  write_link_header(out.data(), link, multicast_mac(destination), kEtherTypeIpv6);
  write_ip_header(&out[link_length], address, destination, kIcmpv6, kNaBytes);
  write_na(&out[message_at], owner, address, destination);
  return message_at + kNaBytes;
}

}  // namespace tandem::wire
