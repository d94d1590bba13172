// SPDX-License-Identifier: Apache-2.0
// The packet core as C++ compiles it, on a frame in memory: what bpf/tandem.bpf.c does, but for
// adverts, which stay where they are. The heap block that the frame is in ends where the frame
// ends, unless that is a solicitation whose answer is longer, so that AddressSanitizer sees what
// is read or written behind it. In front is the room that XDP gives, to grow into.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tandem/steer.h"

namespace tandem::core {

struct Outcome {
  td_reason reason;
  std::vector<std::uint8_t> frame;
  td_outcome more;
};

// All that the core reads and writes: somebody's td_tables, and else a node that forwards nothing.
class Memory {
 public:
  explicit Memory(td_tables& tables)
      : backends_(TD_MAX_BACKENDS),
        hops_(TD_MAX_HOPS),
        sources_(TD_SOURCE_PORTS),
        picks_(TD_PICK_BLOCKS),
        fragments_(TD_FRAGMENTS),
        flow4_(1),
        flow6_(1),
        env_{&tables,         backends_.data(), hops_.data(),
             sources_.data(), picks_.data(),    fragments_.data(),
             flow4_.data(),   flow6_.data(),    1} {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] const td_env& env() const { return env_; }

 private:
  std::vector<td_backend> backends_;
  std::vector<td_hop> hops_;
  std::vector<td_source> sources_;  // of one address
  std::vector<td_pick_block> picks_;
  std::vector<td_fragment> fragments_;
  std::vector<td_flow4_bucket> flow4_;  // the head alone, of no buckets: there is no table
  std::vector<td_flow6_bucket> flow6_;
  td_env env_;
};

inline constexpr std::size_t kHeadroom = 256;  // XDP_PACKET_HEADROOM

// Bytes behind the frame that its answer needs.
inline std::size_t tailroom(const td_packet& p, std::size_t size) {
  if (p.shape != TD_SHAPE_ND || p.l4[0] != TD_ICMPV6_NS) return 0;
  const std::size_t answer = p.l3_offset + std::size_t{TD_IPV6_HEADER} + TD_NA_BYTES;
  return answer - std::min(answer, size);
}

inline Outcome steer(const Memory& memory, const std::vector<std::uint8_t>& frame,
                     std::uint32_t ifindex, std::uint64_t now_ns, bool has_socket = false) {
  std::vector<std::uint8_t> exact(frame.begin(), frame.end());
  td_packet p;
  td_parse(&p, exact.data(), exact.data() + exact.size(), TD_FULL);

  std::vector<std::uint8_t> buffer(kHeadroom + frame.size() + tailroom(p, frame.size()));
  std::copy(frame.begin(), frame.end(), buffer.begin() + kHeadroom);
  td_frame f{};
  f.first = buffer.data();
  f.last = buffer.data() + buffer.size();
  f.data = f.first + kHeadroom;
  f.end = f.data + frame.size();
  f.ifindex = ifindex;
  f.now_ns = now_ns;
  f.has_socket = has_socket ? 1 : 0;
  td_outcome outcome;
  td_reason reason = td_steer_frame(&f, &memory.env(), &outcome);
  if (reason == TD_TAKE_ADVERT && frame.size() - p.l3_offset > TD_ADVERT_BYTES)
    reason = TD_DROP_ADVERT_TOO_LONG;
  return {reason, {f.data, f.end}, outcome};
}

}  // namespace tandem::core
