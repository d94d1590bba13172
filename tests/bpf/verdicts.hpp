// SPDX-License-Identifier: Apache-2.0
// What becomes of a frame at the node of rig.hpp. Judged twice: by the packet core as C++ compiles
// it, and by the XDP program in the kernel.
#pragma once

#include <string>
#include <vector>

#include "frames.hpp"
#include "rig.hpp"
#include "tandem/abi.h"

namespace tandem::verdicts {

// Those of frames to and from backends, of which the node has none, and of addresses that have moved:
// see sockets_test.cpp.
inline bool needs_backends(int reason) {
  return (reason >= TD_TX_FORWARD && reason <= TD_DROP_NO_FLOW) || reason == TD_TX_TIME_EXCEEDED ||
         reason == TD_PUNT_ERROR || reason == TD_DROP_NO_NEXT_HOP || reason == TD_DROP_UNFINISHED ||
         reason == TD_PASS_SOCKET || reason == TD_TX_TO_PEER;
}

struct Case {
  const char* name;
  td_reason reason;
  frames::Bytes frame;
};

inline frames::Ether to_vmac(Family family, std::uint8_t vrid,
                             std::array<std::uint16_t, 2> vlan = {}) {
  return {.to = virtual_mac(family, vrid), .vlan = vlan};
}

// So many tags more, in front of those that are there.
inline frames::Bytes tagged(frames::Bytes frame, std::size_t tags, std::uint16_t id = 0) {
  for (; tags > 0; tags--) {
    frames::Bytes tag;
    frames::append16(tag, 0x8100);
    frames::append16(tag, 5U << 13 | id);
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  }
  return frame;
}

inline frames::Bytes cut(frames::Bytes frame, std::size_t size) {
  frame.resize(size);
  return frame;
}

inline std::vector<Case> ipv4() {
  using namespace frames;
  const IpAddress open = ip("192.0.2.100"), strict = ip("192.0.2.101"), lost = ip("192.0.2.106");
  return {
      {"TCP to somebody else", TD_PASS_OTHER, frames::ipv4({ip("192.0.2.99")}, tcp(80))},
      {"TCP to a service", TD_PASS_LOCAL, frames::ipv4({strict}, tcp(80))},
      {"UDP to a service", TD_PASS_LOCAL, frames::ipv4({strict, 17}, udp(53))},
      {"TCP to the port of a UDP service", TD_DROP_NOT_ACCEPTED, frames::ipv4({strict}, tcp(53))},
      {"TCP to a port of another address", TD_PASS_ACCEPTED, frames::ipv4({open}, tcp(53))},
      {"SCTP to a service's port", TD_DROP_NOT_ACCEPTED, frames::ipv4({strict, 132}, tcp(80))},
      {"TCP behind IP options", TD_PASS_LOCAL,
       frames::ipv4({.to = strict, .options = Bytes(40, 1)}, tcp(80))},
      {"echo request, accept", TD_PASS_ACCEPTED, frames::ipv4({open, 1}, icmp(8))},
      {"echo request, accept = false", TD_DROP_NOT_ACCEPTED, frames::ipv4({strict, 1}, icmp(8))},
      {"ICMP error, accept = false", TD_PASS_LOCAL, frames::ipv4({strict, 1}, icmp(3))},
      {"ICMP time exceeded, accept = false", TD_PASS_LOCAL, frames::ipv4({strict, 1}, icmp(11))},
      {"ICMP redirect, accept = false", TD_DROP_NOT_ACCEPTED, frames::ipv4({strict, 1}, icmp(5))},
      {"first fragment to a service", TD_PASS_LOCAL,
       frames::ipv4({.to = strict, .fragment = 0x2000}, tcp(80))},
      {"first fragment to no service", TD_DROP_NOT_ACCEPTED,
       frames::ipv4({.to = strict, .fragment = 0x2000}, tcp(81))},
      {"later fragment, accept = false", TD_PASS_LOCAL,
       frames::ipv4({.to = strict, .fragment = 185}, tcp(81))},
      {"later fragment, no lease", TD_DROP_NO_LEASE,
       frames::ipv4({.to = lost, .fragment = 185}, tcp(80))},
      {"TCP header cut short, accept = false", TD_DROP_NOT_ACCEPTED,
       cut(frames::ipv4({strict}, tcp(80)), 14 + 20 + 7)},
      {"TCP, no lease", TD_DROP_NO_LEASE, frames::ipv4({lost}, tcp(80))},
      {"to a broadcast MAC, no lease", TD_DROP_NO_LEASE,
       frames::ipv4({lost}, tcp(80), {.to = kBroadcast})},
      {"TCP on another VLAN, no lease", TD_DROP_NO_LEASE,
       frames::ipv4({lost}, tcp(80), {.vlan = {99, 0}})},
      {"TCP to a service by another link", TD_PASS_ACCEPTED,
       frames::ipv4({ip("198.51.100.105")}, tcp(80))},
  };
}

inline std::vector<Case> ipv6() {
  using namespace frames;
  const IpAddress open = ip("2001:db8::100"), strict = ip("2001:db8::108"),
                  lost = ip("2001:db8::107");
  const Bytes behind_ten =
      behind_options(60, behind_options(60, behind_options(6, Bytes(tcp(443)))));
  return {
      {"TCP to somebody else", TD_PASS_OTHER, frames::ipv6({ip("2001:db8::99")}, tcp(443))},
      {"TCP to a service", TD_PASS_LOCAL, frames::ipv6({open}, tcp(443))},
      {"TCP to no service, accept", TD_PASS_ACCEPTED, frames::ipv6({open}, tcp(22))},
      {"TCP to no service, accept = false", TD_DROP_NOT_ACCEPTED, frames::ipv6({strict}, tcp(22))},
      {"TCP behind three extension headers", TD_PASS_LOCAL, frames::ipv6({strict, 60}, behind_ten)},
      {"packet too big, accept = false", TD_PASS_LOCAL, frames::ipv6({strict, 58}, icmp(2))},
      {"echo request, accept = false", TD_DROP_NOT_ACCEPTED, frames::ipv6({strict, 58}, icmp(128))},
      {"first fragment to a service", TD_PASS_LOCAL,
       frames::ipv6({strict, 44}, behind_fragment(6, 1, tcp(443)))},
      {"later fragment, accept = false", TD_PASS_LOCAL,
       frames::ipv6({strict, 44}, behind_fragment(6, 800 << 3, tcp(22)))},
      {"a fragment alone, to a service", TD_PASS_LOCAL,
       frames::ipv6({strict, 44}, behind_fragment(6, 0, tcp(443)))},
      {"a fragment alone, TCP header cut short, accept = false", TD_DROP_NOT_ACCEPTED,
       cut(frames::ipv6({strict, 44}, behind_fragment(6, 0, tcp(443))), 14 + 40 + 8 + 7)},
      {"TCP, no lease", TD_DROP_NO_LEASE, frames::ipv6({lost}, tcp(443))},
      {"extension header cut short, no lease", TD_DROP_NO_LEASE,
       cut(frames::ipv6({lost, 60}, behind_ten), 14 + 40 + 5)},
      {"to the link-local address", TD_PASS_ACCEPTED, frames::ipv6({ip("fe80::100")}, tcp(22))},
  };
}

inline std::vector<Case> neighbours() {
  using namespace frames;
  const std::array<std::uint16_t, 2> v10{10, 0}, v2030{20, 30};
  return {
      {"ARP for somebody else", TD_PASS_OTHER, arp({ip("192.0.2.99")})},
      {"ARP, interface MAC", TD_PASS_NEIGHBOUR, arp({ip("192.0.2.100")})},
      {"ARP, virtual MAC", TD_TX_ARP_REPLY, arp({ip("192.0.2.101")})},
      {"ARP, virtual MAC, tagged", TD_TX_ARP_REPLY,
       arp({ip("192.0.2.103")}, {.to = kBroadcast, .vlan = v10})},
      {"ARP, virtual MAC, tag missing", TD_DROP_OTHER_LINK, arp({ip("192.0.2.103")})},
      {"ARP, virtual MAC, other tag", TD_DROP_OTHER_LINK,
       arp({ip("192.0.2.103")}, {.to = kBroadcast, .vlan = {11, 0}})},
      {"ARP, virtual MAC, other link", TD_DROP_OTHER_LINK, arp({ip("198.51.100.105")})},
      {"ARP reply, virtual MAC", TD_PASS_NEIGHBOUR,
       arp({.target = ip("192.0.2.101"), .operation = 2}, {})},
      {"ARP, no lease", TD_DROP_NO_LEASE_NEIGHBOUR, arp({ip("192.0.2.106")})},
      {"ARP over IEEE 802 numbers, no lease", TD_DROP_NO_LEASE_NEIGHBOUR,
       arp({.target = ip("192.0.2.106"), .hardware = 6})},
      {"ARP reply, no lease", TD_DROP_NO_LEASE_NEIGHBOUR,
       arp({.target = ip("192.0.2.106"), .operation = 2}, {})},
      {"ARP of another hardware", TD_PASS_OTHER,
       arp({.target = ip("192.0.2.106"), .hardware = 32})},
      {"NS for somebody else", TD_PASS_OTHER, nd({ip("2001:db8::99")})},
      {"NS, interface MAC", TD_PASS_NEIGHBOUR, nd({ip("2001:db8::108")})},
      {"NS, virtual MAC", TD_TX_NA, nd({ip("2001:db8::100")})},
      {"NS, virtual MAC, two tags", TD_TX_NA, nd({ip("2001:db8::104")}, {.vlan = v2030})},
      {"NS, virtual MAC, inner tag missing", TD_DROP_OTHER_LINK,
       nd({ip("2001:db8::104")}, {.vlan = {20, 0}})},
      {"NS behind an extension header", TD_DROP_REWRITE_FAILED,
       frames::ipv6({.to = ip("ff02::1:ff00:100"), .next = 60, .hop_limit = 255},
                    behind_options(58, nd_message({ip("2001:db8::100")}, kClientMac)))},
      {"NA about a virtual address", TD_PASS_OTHER, na(ip("2001:db8::2"), ip("2001:db8::100"))},
      {"NA to a virtual address", TD_PASS_NEIGHBOUR, na(ip("2001:db8::100"), ip("2001:db8::7"))},
      {"NA to a virtual address, accept = false", TD_PASS_NEIGHBOUR,
       na(ip("2001:db8::108"), ip("2001:db8::7"))},
      {"NS, no lease", TD_DROP_NO_LEASE_NEIGHBOUR, nd({ip("2001:db8::107")})},
      {"NA about the Active's address", TD_PASS_OTHER, na(ip("2001:db8::2"), ip("2001:db8::107"))},
      {"NA to a virtual address, no lease", TD_DROP_NO_LEASE_NEIGHBOUR,
       na(ip("2001:db8::107"), ip("2001:db8::7"))},
      {"NS that was routed", TD_PASS_OTHER, nd({.target = ip("2001:db8::107"), .hop_limit = 254})},
  };
}

inline std::vector<Case> virtual_macs() {
  using namespace frames;
  const auto v4 = Family::ipv4, v6 = Family::ipv6;
  const IpAddress far4 = ip("203.0.113.9"), far6 = ip("2001:db8:9::9");
  return {
      {"to be routed", TD_PASS_ROUTED, frames::ipv4({far4}, tcp(80), to_vmac(v4, 52))},
      {"to be routed, IPv6", TD_PASS_ROUTED, frames::ipv6({far6}, tcp(80), to_vmac(v6, 51))},
      {"to be routed, tagged", TD_PASS_ROUTED,
       frames::ipv4({far4}, tcp(80), to_vmac(v4, 53, {10, 0}))},
      {"to be routed, tag missing", TD_PASS_OTHER, frames::ipv4({far4}, tcp(80), to_vmac(v4, 53))},
      {"to be routed, other link", TD_PASS_OTHER, frames::ipv4({far4}, tcp(80), to_vmac(v4, 55))},
      {"to be routed, no lease", TD_DROP_NO_LEASE_VMAC,
       frames::ipv4({far4}, tcp(80), to_vmac(v4, 56))},
      {"to be routed, no lease, IPv6", TD_DROP_NO_LEASE_VMAC,
       frames::ipv6({far6}, tcp(80), to_vmac(v6, 57))},
      {"not IP at all, no lease", TD_DROP_NO_LEASE_VMAC, ether(to_vmac(v4, 56), 0x88cc, Bytes(46))},
      {"a router with its interface's MAC", TD_PASS_OTHER,
       frames::ipv4({far4}, tcp(80), to_vmac(v4, 51))},
      {"a VRID of somebody else's", TD_PASS_OTHER, frames::ipv4({far4}, tcp(80), to_vmac(v4, 99))},
      {"to the address by its own MAC", TD_PASS_LOCAL,
       frames::ipv4({ip("192.0.2.101")}, tcp(80), to_vmac(v4, 52))},
      {"to an address on another link", TD_PASS_ACCEPTED,
       frames::ipv4({ip("198.51.100.105")}, tcp(80), to_vmac(v4, 52))},
      {"to an address by a MAC held by another", TD_DROP_NO_LEASE_VMAC,
       frames::ipv4({ip("192.0.2.100")}, tcp(80), to_vmac(v4, 56))},
      {"to an address held by another", TD_DROP_NO_LEASE,
       frames::ipv4({ip("192.0.2.106")}, tcp(80), to_vmac(v4, 52))},
  };
}

// The kernel takes a tag with an ID of 0 for none, and so many of them as there are.
inline std::vector<Case> priority_tags() {
  using namespace frames;
  const Bytes strict4 = frames::ipv4({ip("192.0.2.101")}, tcp(22)),
              strict6 = frames::ipv6({ip("2001:db8::108")}, tcp(22)),
              lost = frames::ipv4({ip("192.0.2.106")}, tcp(80)),
              vlan10 = arp({ip("192.0.2.103")}, {.to = kBroadcast, .vlan = {10, 0}});
  std::vector<Case> cases{
      {"ARP on VLAN 10, a priority tag before it", TD_TX_ARP_REPLY, tagged(vlan10, 1)},
      {"ARP on VLAN 10, four priority tags before it", TD_TX_ARP_REPLY, tagged(vlan10, 4)},
      {"ARP on VLAN 7.10", TD_DROP_OTHER_LINK, tagged(vlan10, 1, 7)},
      {"ARP behind three tags with IDs", TD_DROP_OTHER_LINK, tagged(vlan10, 2, 7)},
      {"more tags than are judged", TD_DROP_TOO_MANY_TAGS, tagged(strict4, TD_MAX_TAGS + 1)},
      {"more tags than are judged, to somebody else", TD_DROP_TOO_MANY_TAGS,
       tagged(frames::ipv4({ip("192.0.2.99")}, tcp(80)), TD_MAX_TAGS + 1)},
      {"three tags with IDs, to somebody else", TD_PASS_OTHER,
       tagged(frames::ipv4({ip("192.0.2.99")}, tcp(80)), 3, 7)},
      {"neither IP nor ARP, behind three tags", TD_PASS_OTHER,
       tagged(ether({}, 0x88cc, Bytes(46)), 3)},
      {"an advert behind three tags", TD_TAKE_ADVERT, tagged(advert(), 3)},
  };
  for (const std::size_t tags : {1, 2, 3, 5, 8}) {
    cases.push_back(
        {"IPv4, accept = false, priority tags", TD_DROP_NOT_ACCEPTED, tagged(strict4, tags)});
    cases.push_back(
        {"IPv6, accept = false, priority tags", TD_DROP_NOT_ACCEPTED, tagged(strict6, tags)});
    cases.push_back({"no lease, priority tags", TD_DROP_NO_LEASE, tagged(lost, tags)});
    cases.push_back({"no lease, tags with IDs", TD_DROP_NO_LEASE, tagged(lost, tags, 7)});
    cases.push_back({"ARP, no lease, priority tags", TD_DROP_NO_LEASE_NEIGHBOUR,
                     tagged(arp({ip("192.0.2.106")}), tags)});
    cases.push_back({"to a service, priority tags", TD_PASS_LOCAL,
                     tagged(frames::ipv4({ip("192.0.2.101")}, tcp(80)), tags)});
  }
  return cases;
}

inline std::vector<Case> odd_ones() {
  using namespace frames;
  const Bytes lost = frames::ipv4({ip("192.0.2.106")}, tcp(80));
  Bytes small_header = lost, wrong_version = lost;
  small_header[14] = 0x44;
  wrong_version[14] = 0x65;
  return {
      {"an Ethernet header alone", TD_PASS_MALFORMED, cut(lost, 14)},
      {"IPv4 header cut short", TD_PASS_MALFORMED, cut(lost, 14 + 19)},
      {"IPv4 header of 16 bytes", TD_PASS_MALFORMED, small_header},
      {"IPv4 of version 6", TD_PASS_MALFORMED, wrong_version},
      {"IPv6 header cut short", TD_PASS_MALFORMED,
       cut(frames::ipv6({ip("2001:db8::107")}, tcp(80)), 14 + 39)},
      {"ARP cut short", TD_PASS_MALFORMED, cut(arp({ip("192.0.2.106")}), 14 + 27)},
      {"VLAN tag cut short", TD_PASS_MALFORMED,
       cut(frames::ipv4({ip("192.0.2.103")}, tcp(80), {.vlan = {10, 0}}), 14 + 3)},
      {"neither IP nor ARP", TD_PASS_OTHER, ether({}, 0x88cc, Bytes(46))},
      {"an advert", TD_TAKE_ADVERT, advert()},
      {"an advert, tagged twice", TD_TAKE_ADVERT, advert({.vlan = {20, 30}})},
      {"an advert to a virtual address", TD_TAKE_ADVERT,
       frames::ipv4({ip("192.0.2.106"), 112}, Bytes(12))},
      {"the longest advert", TD_TAKE_ADVERT, advert({}, TD_ADVERT_BYTES)},
      {"an advert too long", TD_DROP_ADVERT_TOO_LONG, advert({}, TD_ADVERT_BYTES + 1)},
  };
}

inline std::vector<Case> all() {
  std::vector<Case> cases;
  for (auto&& some : {ipv4(), ipv6(), neighbours(), virtual_macs(), priority_tags(), odd_ones()})
    cases.insert(cases.end(), some.begin(), some.end());
  return cases;
}

}  // namespace tandem::verdicts
