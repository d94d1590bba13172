// SPDX-License-Identifier: Apache-2.0
// The packet core as C++ compiles it, on a frame in memory: what bpf/tandem.bpf.c does, but for
// adverts, which stay where they are. The frame is a heap block of exactly its size, so that
// AddressSanitizer sees every byte read or written outside of it.
#pragma once

#include <cstdint>
#include <vector>

#include "tandem/steer.h"

namespace tandem::core {

struct Outcome {
  td_reason reason;
  std::vector<std::uint8_t> frame;
};

// Growing, as bpf_xdp_adjust_tail() does it: by zeros.
inline td_reason answer_ns(std::vector<std::uint8_t>& frame, const td_packet& p,
                           const td_vrouter& router) {
  if (p.l4 != p.l3 + TD_IPV6_HEADER) return TD_DROP_REWRITE;
  std::vector<std::uint8_t> longer(p.l3_offset + std::size_t{TD_IPV6_HEADER} + TD_NA_BYTES);
  for (std::size_t i = 0; i < longer.size() && i < frame.size(); i++) longer[i] = frame[i];
  frame.swap(longer);
  td_packet answer{};
  answer.eth = frame.data();
  answer.l3 = answer.eth + p.l3_offset;
  td_answer_ns(&answer, &router);
  return TD_TX_NA;
}

inline Outcome steer(const td_tables& tables, const std::vector<std::uint8_t>& frame,
                     std::uint32_t ifindex, std::uint64_t now_ns) {
  Outcome out{TD_PASS_OTHER, std::vector<std::uint8_t>(frame.begin(), frame.end())};
  out.frame.shrink_to_fit();
  std::uint8_t* end = out.frame.data() + out.frame.size();
  td_packet p;
  td_match m;
  td_parse(&p, out.frame.data(), end);
  if (p.shape == TD_SHAPE_ADVERT) {
    out.reason =
        out.frame.size() - p.l3_offset > TD_ADVERT_BYTES ? TD_DROP_ADVERT_SIZE : TD_TAKE_ADVERT;
    return out;
  }
  td_find(&m, &tables, &p, end, ifindex);
  if (!m.vrouter) {
    if (p.shape == TD_SHAPE_MALFORMED) out.reason = TD_PASS_MALFORMED;
    return out;
  }
  out.reason = td_judge(&tables, &p, &m, ifindex, now_ns);
  if (out.reason == TD_TX_ARP_REPLY)
    td_answer_arp(&p, m.vrouter);
  else if (out.reason == TD_TX_NA)
    out.reason = answer_ns(out.frame, p, *m.vrouter);
  else if (m.by_mac && td_is_pass(out.reason))
    td_copy_mac(p.eth, m.by_mac->interface_mac);
  return out;
}

}  // namespace tandem::core
