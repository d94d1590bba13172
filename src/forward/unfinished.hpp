// SPDX-License-Identifier: Apache-2.0
// Transport checksums that are left for a device to finish (the kernel's CHECKSUM_PARTIAL).
#pragma once

#include <cstdint>

#include "tandem/checksum.h"
#include "tandem/parse.h"

namespace tandem::forward {

// Of a whole TCP or UDP packet: does its checksum cover the pseudo-header alone? A veth, whose other
// end is a container, passes it on so. By chance it looks the same in one of 65,535 packets; then it
// is right.
inline bool is_unfinished(const td_packet& p) {
  if (p.fragment != TD_WHOLE) return false;
  const bool tcp = p.protocol == TD_PROTO_TCP;
  const int at = tcp ? 16 : 6;
  const auto whole = p.l3 + td_ip_bytes(&p) - p.l4;
  if (whole < at + 2) return false;
  const auto size = static_cast<std::uint32_t>(whole);
  const std::uint16_t field = td_load16(p.l4 + at);
  if (!tcp && field == 0) return false;  // UDP without one
  const std::uint32_t pseudo =
      td_csum_pseudo_header(0, td_ip_source(&p), td_ip_destination(&p), td_address_bytes(p.family),
                            size, static_cast<std::uint8_t>(p.protocol));
  if (field != static_cast<std::uint16_t>(~td_csum_fold(pseudo))) return false;
  return td_csum_fold(td_csum_bytes(pseudo, p.l4, size)) != 0;
}

}  // namespace tandem::forward
