// SPDX-License-Identifier: Apache-2.0
#include "packet_generator.hpp"

#include <algorithm>
#include <array>

#include "answers.hpp"
#include "rig.hpp"
#include "verdicts.hpp"

namespace tandem {

using frames::append;
using frames::append16;
using frames::Bytes;
using frames::ip;

PacketGenerator::PacketGenerator(std::uint64_t seed, std::vector<Bytes> more)
    : random_(seed), known_(std::move(more)) {
  for (const auto& c : verdicts::all()) known_.push_back(c.frame);
  for (const auto& c : answers::all()) known_.push_back(c.question);
}

Bytes PacketGenerator::bytes(std::size_t count) {
  Bytes some(count);
  std::ranges::generate(some, [this] { return byte(); });
  return some;
}

frames::Ether PacketGenerator::link() {
  static const std::vector<std::array<std::uint16_t, 2>> tags{{0, 0},  {0, 0},   {10, 0}, {20, 30},
                                                              {11, 0}, {20, 31}, {30, 20}};
  frames::Ether e{.vlan = any(tags)};
  switch (below(4)) {
    case 0:
      e.to = virtual_mac(one_in(2) ? Family::ipv4 : Family::ipv6,
                         static_cast<std::uint8_t>(50 + below(10)));
      break;
    case 1:
      e.to = frames::kBroadcast;
      break;
    case 2:
      if (one_in(8)) e.to = one_in(2) ? rig::kVlanMac : MacAddress{{0x02, 0, 0, 0, 0x99, 0x99}};
      break;
    default:
      break;
  }
  return e;
}

IpAddress PacketGenerator::address(Family family) {
  std::vector<IpAddress> ours;
  for (const auto& r : rig::routers())
    for (const auto& a : r.addresses)
      if (a.family() == family) ours.push_back(a);
  if (!one_in(4)) return any(ours);
  return family == Family::ipv4 ? ip("192.0.2.99") : ip("2001:db8::99");
}

Bytes PacketGenerator::transport(std::uint8_t protocol) {
  static const std::vector<std::uint16_t> ports{80, 53, 443, 22, 0, 65535};
  switch (protocol) {
    case 6:
      return frames::tcp(any(ports));
    case 17:
      return frames::udp(any(ports));
    default:
      return bytes(below(40));
  }
}

Bytes PacketGenerator::known() {
  return any(known_);
}

Bytes PacketGenerator::ipv4() {
  static const std::vector<std::uint8_t> protocols{6, 6, 17, 1, 112, 58, 47, 0};
  static const std::vector<unsigned> fragments{0, 0, 0, 0x4000, 0x2000, 0x2001, 1, 0x1fff, 0x8000};
  frames::Ipv4 p{
      .to = address(Family::ipv4), .protocol = any(protocols), .fragment = any(fragments)};
  p.options = bytes(below(11) * 4);
  return frames::ipv4(p, transport(p.protocol), link());
}

// Up to nine extension headers: more than are walked. Some are of odd length, some are fragments.
Bytes PacketGenerator::ipv6() {
  static const std::vector<std::uint8_t> protocols{6, 6, 17, 58, 112, 50, 59, 135};
  static const std::vector<std::uint8_t> extensions{0, 43, 44, 60, 60, 51};
  std::uint8_t next = any(protocols);
  Bytes payload = transport(next);
  for (unsigned i = one_in(2) ? 0 : below(10); i > 0; i--) {
    const std::uint8_t extension = any(extensions);
    if (extension == 44) {
      payload = frames::behind_fragment(next, one_in(2) ? below(2) : below(0x10000), payload);
    } else {
      payload = frames::behind_options(next, payload);
      if (one_in(6)) payload[1] = one_in(2) ? 1 : byte();
    }
    next = extension;
  }
  return frames::ipv6({.to = address(Family::ipv6), .next = next}, payload, link());
}

Bytes PacketGenerator::arp() {
  static const std::vector<unsigned> hardware{1, 1, 1, 6, 0, 32, 0x0100};
  const frames::Arp a{.target = address(Family::ipv4),
                      .operation = one_in(3) ? below(10) : 1 + below(2),
                      .hardware = any(hardware)};
  Bytes frame = frames::arp(a, link());
  if (one_in(3)) frame.resize(frame.size() + below(40));
  if (one_in(6)) frame[frame.size() - 28 + below(8)] = byte();
  return frame;
}

Bytes PacketGenerator::neighbour() {
  const frames::Nd n{.target = address(Family::ipv6),
                     .from = one_in(4) ? ip("::") : ip("2001:db8::7"),
                     .type = static_cast<std::uint8_t>(133 + below(5)),
                     .with_mac = one_in(2),
                     .hop_limit = static_cast<std::uint8_t>(one_in(6) ? byte() : 255)};
  const frames::Ether e = link();
  Bytes message = frames::nd_message(n, e.from);
  if (one_in(3)) append(message, bytes(below(5) * 8));
  std::uint8_t next = 58;
  for (unsigned i = one_in(3) ? below(8) : 0; i > 0; i--) {
    message = frames::behind_options(next, message);
    next = 60;
  }
  return frames::ipv6({.to = one_in(2) ? frames::solicited_node(n.target) : n.target,
                       .next = next,
                       .from = n.from,
                       .hop_limit = n.hop_limit},
                      message, e);
}

// A plausible start, and then anything.
Bytes PacketGenerator::garbage() {
  static const std::vector<std::uint16_t> types{0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x0001};
  Bytes frame = bytes(14 + below(120));
  if (!one_in(4)) store_be16(&frame[12], any(types));
  if (one_in(3)) std::ranges::copy(link().to.bytes, frame.begin());
  if (frame.size() > 14 && one_in(2))
    frame[14] = static_cast<std::uint8_t>(one_in(2) ? 0x45 : 0x60);
  return frame;
}

// Tags before the ones that are there, with priority bits: sometimes more than are walked.
void PacketGenerator::tag_again(Bytes& frame) {
  for (unsigned tags = one_in(2) ? 1 : 1 + below(10); tags > 0; tags--) {
    Bytes tag;
    append16(tag, one_in(2) ? 0x8100 : 0x88a8);
    append16(tag, one_in(2) ? below(0x10000) : (below(8) << 13 | (one_in(2) ? 10 : 0)));
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  }
}

void PacketGenerator::spoil(Bytes& frame) {
  switch (below(8)) {
    case 0:
    case 1:
      frame.resize(below(static_cast<unsigned>(frame.size()) + 1));
      break;
    case 2:
      for (unsigned i = 1 + below(4); i > 0; i--)
        frame[below(static_cast<unsigned>(frame.size()))] = byte();
      break;
    case 3:
      frame[12 + below(static_cast<unsigned>(std::min<std::size_t>(frame.size() - 12, 20)))] ^=
          static_cast<std::uint8_t>(1u << below(8));
      break;
    case 4:
      tag_again(frame);
      break;
    case 5:
      frame.resize(frame.size() + below(80));
      break;
    case 6:
      if (one_in(8)) std::ranges::copy(link().to.bytes, frame.begin());
      break;
    default:
      break;
  }
}

Bytes PacketGenerator::next() {
  using Kind = Bytes (PacketGenerator::*)();
  static const std::vector<Kind> kinds{&PacketGenerator::known,     &PacketGenerator::ipv4,
                                       &PacketGenerator::ipv6,      &PacketGenerator::arp,
                                       &PacketGenerator::neighbour, &PacketGenerator::garbage};
  Bytes frame = (this->*any(kinds))();
  spoil(frame);
  if (frame.size() < 14) frame.resize(14);
  return frame;
}

}  // namespace tandem
