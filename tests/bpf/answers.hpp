// SPDX-License-Identifier: Apache-2.0
// Questions to the node of rig.hpp and its answers, byte for byte. The answers were built by
// scapy 2.5: ARP(op=2, ...) and IPv6(hlim=255)/ICMPv6ND_NA(R=1, S=1, O=1)/
// ICMPv6NDOptDstLLAddr(), behind Ether, Dot1AD and Dot1Q.
#pragma once

#include <algorithm>
#include <vector>

#include "frames.hpp"
#include "rig.hpp"
#include "tandem/abi.h"

namespace tandem::answers {

struct Case {
  const char* name;
  td_reason reason;
  frames::Bytes question;
  frames::Bytes answer;
};

inline frames::Bytes padded(frames::Bytes frame) {
  frame.resize(60);
  return frame;
}

inline std::vector<Case> arp() {
  using namespace frames;
  const Bytes plain = from_hex(
      "0200000000c1 00005e000134 0806 0001 0800 06 04 0002"
      "00005e000134 c0000265 0200000000c1 c0000207");
  return {
      {"ARP", TD_TX_ARP_REPLY, frames::arp({ip("192.0.2.101")}), plain},
      {"ARP, padded to Ethernet's minimum", TD_TX_ARP_REPLY,
       padded(frames::arp({ip("192.0.2.101")})), padded(plain)},
      {"ARP, tagged", TD_TX_ARP_REPLY,
       frames::arp({ip("192.0.2.103")}, {.to = kBroadcast, .vlan = {10, 0}}),
       from_hex("0200000000c1 00005e000135 8100 000a 0806 0001 0800 06 04 0002"
                "00005e000135 c0000267 0200000000c1 c0000207")},
      {"ARP probe (RFC 5227)", TD_TX_ARP_REPLY,
       frames::arp({.target = ip("192.0.2.101"), .sender = ip("0.0.0.0")}),
       from_hex("0200000000c1 00005e000134 0806 0001 0800 06 04 0002"
                "00005e000134 c0000265 0200000000c1 00000000")},
      {"ARP to the virtual MAC", TD_TX_ARP_REPLY,
       frames::arp({ip("192.0.2.101")}, {.to = virtual_mac(Family::ipv4, 52)}), plain},
  };
}

inline std::vector<Case> nd() {
  using namespace frames;
  const IpAddress vip = ip("2001:db8::100");
  const Bytes plain = from_hex(
      "0200000000c1 00005e000233 86dd 60000000 0020 3a ff"
      "20010db8000000000000000000000100 20010db8000000000000000000000007"
      "8800aa3d e0000000 20010db8000000000000000000000100 0201 00005e000233");
  Bytes with_nonce = nd_message({vip}, kClientMac);
  append(with_nonce, Bytes{14, 1, 1, 2, 3, 4, 5, 6});
  return {
      {"NS", TD_TX_NA, frames::nd({vip}), plain},
      {"NS without its sender's MAC", TD_TX_NA, frames::nd({.target = vip, .with_mac = false}),
       plain},
      {"NS with a nonce (RFC 3971)", TD_TX_NA,
       frames::ipv6({.to = solicited_node(vip), .next = 58, .hop_limit = 255}, with_nonce), plain},
      {"NS to the address itself", TD_TX_NA,
       frames::ipv6({.to = vip, .next = 58, .hop_limit = 255}, nd_message({vip}, kClientMac),
                    {.to = virtual_mac(Family::ipv6, 51)}),
       plain},
      {"NS for the link-local address", TD_TX_NA,
       frames::nd({.target = ip("fe80::100"), .from = ip("fe80::7")}),
       from_hex("0200000000c1 00005e000233 86dd 60000000 0020 3a ff"
                "fe800000000000000000000000000100 fe800000000000000000000000000007"
                "880037e6 e0000000 fe800000000000000000000000000100 0201 00005e000233")},
      {"NS, two tags", TD_TX_NA, frames::nd({ip("2001:db8::104")}, {.vlan = {20, 30}}),
       from_hex("0200000000c1 00005e000236 88a8 0014 8100 001e 86dd 60000000 0020 3a ff"
                "20010db8000000000000000000000104 20010db8000000000000000000000007"
                "8800aa32 e0000000 20010db8000000000000000000000104 0201 00005e000236")},
      {"NS of duplicate address detection", TD_TX_NA,
       frames::nd({.target = vip, .from = ip("::"), .with_mac = false}),
       from_hex("333300000001 00005e000233 86dd 60000000 0020 3a ff"
                "20010db8000000000000000000000100 ff020000000000000000000000000001"
                "880018fa a0000000 20010db8000000000000000000000100 0201 00005e000233")},
  };
}

inline std::vector<Case> all() {
  std::vector<Case> cases = arp();
  for (const auto& c : nd()) cases.push_back(c);
  return cases;
}

// The kernel takes what is to one of its own MACs: a frame to a virtual MAC that it shall have
// comes with that of the link.
inline frames::Bytes as_passed(frames::Bytes frame, td_reason reason) {
  const bool of_a_router =
      td_is_pass(reason) && reason != TD_PASS_OTHER && reason != TD_PASS_MALFORMED;
  const bool to_virtual_mac =
      std::equal(&frame[0], &frame[4], virtual_mac(Family::ipv4, 0).bytes.begin());
  if (of_a_router && to_virtual_mac) std::ranges::copy(frames::kNodeMac.bytes, frame.begin());
  return frame;
}

}  // namespace tandem::answers
