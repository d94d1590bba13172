// SPDX-License-Identifier: Apache-2.0
// Frames for tests of the steering core, put together field by field and by no code of Tandem's.
// What a test does not care about has a default that is valid.
#pragma once

#include <array>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace tandem::frames {

using Bytes = std::vector<std::uint8_t>;

inline constexpr MacAddress kClientMac{{0x02, 0, 0, 0, 0, 0xc1}};
inline constexpr MacAddress kNodeMac{{0x02, 0, 0, 0, 0, 0x0a}};
inline constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

template <class Range>
void append(Bytes& to, const Range& more) {
  to.insert(to.end(), more.begin(), more.end());
}
inline void append16(Bytes& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

// "0200 0000 00c1": spaces are for the reader.
inline Bytes from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    if (high < 0) {
      high = digit(c);
    } else {
      bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit(c)));
      high = -1;
    }
  }
  return bytes;
}

inline std::string to_hex(const Bytes& bytes) {
  std::ostringstream text;
  text << std::hex << std::setfill('0');
  for (const unsigned b : bytes) text << std::setw(2) << b;
  return text.str();
}

struct Ether {
  MacAddress to = kNodeMac;
  MacAddress from = kClientMac;
  std::array<std::uint16_t, 2> vlan{};  // outer first; 0: none
};

inline Bytes ether(const Ether& e, unsigned ethertype, const Bytes& payload) {
  Bytes frame;
  append(frame, e.to.bytes);
  append(frame, e.from.bytes);
  for (std::size_t i = 0; i < e.vlan.size() && e.vlan[i] != 0; i++) {
    append16(frame, i == 0 && e.vlan[1] != 0 ? 0x88a8 : 0x8100);
    append16(frame, e.vlan[i]);
  }
  append16(frame, ethertype);
  append(frame, payload);
  return frame;
}

struct Arp {
  IpAddress target;
  IpAddress sender = ip("192.0.2.7");
  unsigned operation = 1;  // request
  unsigned hardware = 1;   // Ethernet
  MacAddress target_mac{};
};

inline Bytes arp(const Arp& a, Ether e = {.to = kBroadcast}) {
  Bytes packet;
  append16(packet, a.hardware);
  append16(packet, 0x0800);
  append16(packet, 0x0604);
  append16(packet, a.operation);
  append(packet, e.from.bytes);
  append(packet, a.sender.bytes());
  append(packet, a.target_mac.bytes);
  append(packet, a.target.bytes());
  return ether(e, 0x0806, packet);
}

struct Ipv4 {
  IpAddress to;
  std::uint8_t protocol = 6;
  IpAddress from = ip("198.51.100.7");
  unsigned fragment = 0;  // flags and offset, as on the wire
  Bytes options{};        // a multiple of four bytes
};

inline Bytes ipv4(const Ipv4& p, const Bytes& payload, const Ether& e = {}) {
  Bytes packet;
  packet.push_back(static_cast<std::uint8_t>(0x45 + p.options.size() / 4));
  packet.push_back(0);
  append16(packet, static_cast<unsigned>(20 + p.options.size() + payload.size()));
  append16(packet, 0x1234);
  append16(packet, p.fragment);
  packet.push_back(64);
  packet.push_back(p.protocol);
  append16(packet, 0);
  append(packet, p.from.bytes());
  append(packet, p.to.bytes());
  append(packet, p.options);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2) sum += load_be16(&packet[i]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  store_be16(&packet[10], static_cast<std::uint16_t>(~sum));
  append(packet, payload);
  return ether(e, 0x0800, packet);
}

struct Ipv6 {
  IpAddress to;
  std::uint8_t next = 6;
  IpAddress from = ip("2001:db8::7");
  std::uint8_t hop_limit = 64;
};

inline Bytes ipv6(const Ipv6& p, const Bytes& payload, const Ether& e = {}) {
  Bytes packet{0x60, 0, 0, 0};
  append16(packet, static_cast<unsigned>(payload.size()));
  packet.push_back(p.next);
  packet.push_back(p.hop_limit);
  append(packet, p.from.bytes());
  append(packet, p.to.bytes());
  append(packet, payload);
  return ether(e, 0x86dd, packet);
}

inline Bytes tcp(std::uint16_t port, std::uint16_t from = 40000) {
  Bytes segment(20);
  store_be16(&segment[0], from);
  store_be16(&segment[2], port);
  segment[12] = 0x50;
  segment[13] = 0x02;
  return segment;
}

inline Bytes udp(std::uint16_t port) {
  Bytes datagram(12);
  store_be16(&datagram[0], 40000);
  store_be16(&datagram[2], port);
  store_be16(&datagram[4], 12);
  return datagram;
}

inline Bytes icmp(std::uint8_t type) {
  return {type, 0, 0, 0, 0, 0, 0, 0};
}

// An extension header of 8 bytes: hop-by-hop or destination options with one PadN.
inline Bytes behind_options(std::uint8_t next, const Bytes& rest) {
  Bytes header{next, 0, 1, 4, 0, 0, 0, 0};
  append(header, rest);
  return header;
}
inline Bytes behind_fragment(std::uint8_t next, unsigned offset_and_more, const Bytes& rest) {
  Bytes header{next, 0};
  append16(header, offset_and_more);
  append(header, Bytes{0, 0, 0, 1});
  append(header, rest);
  return header;
}

struct Nd {
  IpAddress target;
  IpAddress from = ip("2001:db8::7");
  std::uint8_t type = 135;  // solicitation
  bool with_mac = true;     // carries the link-layer address option
  std::uint8_t hop_limit = 255;
};

// The ICMPv6 message; its checksum is left 0, which steering does not look at.
inline Bytes nd_message(const Nd& n, const MacAddress& from) {
  Bytes message{n.type, 0, 0, 0, 0, 0, 0, 0};
  append(message, n.target.bytes());
  if (n.with_mac) {
    append(message, Bytes{1, 1});
    append(message, from.bytes);
  }
  return message;
}

// ff02::1:ffXX:XXXX of an address.
inline IpAddress solicited_node(const IpAddress& target) {
  std::array<std::uint8_t, 16> group{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  for (std::size_t i = 13; i < 16; i++) group[i] = target.bytes()[i];
  return IpAddress::v6(group);
}

inline MacAddress group_mac(const IpAddress& group) {
  const auto b = group.bytes();
  return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

inline Bytes nd(const Nd& n, Ether e = {}) {
  const IpAddress group = solicited_node(n.target);
  e.to = group_mac(group);
  return ipv6({.to = group, .next = 58, .from = n.from, .hop_limit = n.hop_limit},
              nd_message(n, e.from), e);
}

inline Bytes na(const IpAddress& to, const IpAddress& target) {
  return ipv6({.to = to, .next = 58, .from = target, .hop_limit = 255},
              nd_message({.target = target, .type = 136}, {}));
}

// A version 3 advert of VRID 51 with one address, from 192.0.2.3; `size` bytes of IP packet.
inline Bytes advert(const Ether& e = {.to = {{0x01, 0, 0x5e, 0, 0, 0x12}}}, std::size_t size = 32) {
  Bytes message{0x31, 51, 100, 1, 0, 100, 0, 0, 192, 0, 2, 100};
  message.resize(size - 20);
  return ipv4({.to = ip("224.0.0.18"), .protocol = 112, .from = ip("192.0.2.3")}, message, e);
}

}  // namespace tandem::frames
