// SPDX-License-Identifier: Apache-2.0
#include "forward/refusal.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "tandem/checksum.h"
#include "tandem/flow_track.h"
#include "tandem/unsendable.h"

namespace tandem::forward {
namespace {

constexpr std::uint8_t kRefusalTtl = 64;
// Bytes of an error, at most, with as much of the packet as fits: RFC 1812, 4.3.2.3; RFC 4443, 2.4.
constexpr std::size_t kMostBytes4 = 576, kMostBytes6 = TD_ERROR_BYTES;

struct Packet {
  std::array<std::uint8_t, kMostBytes6> bytes{};
  std::size_t size;

  explicit Packet(std::size_t bytes_used) : size(bytes_used) {}
  std::uint8_t* data() { return bytes.data(); }
};

std::size_t ip_header(const td_packet& p) {
  return p.family == 4 ? TD_IPV4_HEADER : TD_IPV6_HEADER;
}

// The addresses of `p` the other way round.
void write_ip(std::uint8_t* ip, const td_packet& p, std::uint8_t protocol, std::size_t payload) {
  const std::uint8_t* from = td_ip_destination(&p);
  const std::uint8_t* to = td_ip_source(&p);
  if (p.family == 4) {
    std::memset(ip, 0, TD_IPV4_HEADER);
    ip[0] = 0x45;
    td_store16(ip + 2, static_cast<std::uint16_t>(TD_IPV4_HEADER + payload));
    td_store16(ip + 6, 0x4000);
    ip[8] = kRefusalTtl;
    ip[9] = protocol;
    std::memcpy(ip + 12, from, 4);
    std::memcpy(ip + 16, to, 4);
    td_store16(ip + 10, td_csum_fold(td_csum_bytes(0, ip, TD_IPV4_HEADER)));
    return;
  }
  td_store32(ip, 6U << 28);
  td_store16(ip + 4, static_cast<std::uint16_t>(payload));
  ip[6] = protocol;
  ip[7] = kRefusalTtl;
  std::memcpy(ip + 8, from, 16);
  std::memcpy(ip + 24, to, 16);
}

std::uint16_t transport_sum(const std::uint8_t* ip, const td_packet& p, std::uint8_t protocol,
                            std::size_t payload) {
  const auto length = static_cast<std::uint32_t>(payload);
  const std::size_t addresses = p.family == 4 ? 4 : 16;
  const std::uint8_t* source = ip + (p.family == 4 ? 12 : 8);
  std::uint32_t sum = 0;
  if (protocol != TD_PROTO_ICMP)
    sum = td_csum_pseudo_header(0, source, source + addresses,
                                static_cast<std::uint32_t>(addresses), length, protocol);
  return td_csum_fold(td_csum_bytes(sum, ip + ip_header(p), length));
}

// The answer takes the frame's place, behind its own link header turned round.
bool replace(td_frame& frame, const td_packet& p, Packet& ip) {
  std::array<std::uint8_t, TD_L3_MASK> link{};
  std::memcpy(link.data(), p.eth, p.l3_offset);
  std::swap_ranges(link.begin(), link.begin() + 6, link.begin() + 6);
  const std::size_t length = p.l3_offset + ip.size, l3 = p.l3_offset;
  if (td_frame_resize(&frame, static_cast<std::uint32_t>(length)) != 0) return false;
  std::memcpy(frame.data, link.data(), l3);
  std::memcpy(frame.data + l3, ip.data(), ip.size);
  return true;
}

bool refuse_tcp(td_frame& frame, const td_packet& p) {
  if (p.l4 + TD_TCP_HEADER > frame.end) return false;
  const std::uint8_t flags = p.l4[13];
  if (flags & TD_TCP_RST) return false;
  const std::size_t header = (p.l4[12] >> 4) * std::size_t{4};
  const std::size_t before = static_cast<std::size_t>(p.l4 - p.l3) + header;
  Packet ip(ip_header(p) + TD_TCP_HEADER);
  std::uint8_t* tcp = ip.data() + ip_header(p);
  write_ip(ip.data(), p, TD_PROTO_TCP, TD_TCP_HEADER);
  td_store16(tcp, static_cast<std::uint16_t>(p.destination_port));
  td_store16(tcp + 2, static_cast<std::uint16_t>(p.source_port));
  tcp[12] = TD_TCP_HEADER / 4 << 4;
  if (flags & TD_TCP_ACK) {
    std::memcpy(tcp + 4, p.l4 + 8, 4);
    tcp[13] = TD_TCP_RST;
  } else {
    const std::size_t bytes = td_ip_bytes(&p);
    const auto data = static_cast<std::uint32_t>(bytes > before ? bytes - before : 0);
    const std::uint32_t counted =
        ((flags & TD_TCP_SYN) ? 1U : 0U) + ((flags & TD_TCP_FIN) ? 1U : 0U);
    td_store32(tcp + 8, td_load32(p.l4 + 4) + data + counted);
    tcp[13] = TD_TCP_RST | TD_TCP_ACK;
  }
  td_store16(tcp + 16, transport_sum(ip.data(), p, TD_PROTO_TCP, TD_TCP_HEADER));
  return replace(frame, p, ip);
}

struct Error {
  std::uint8_t type, code;
  std::uint32_t rest = 0;  // of the header: the MTU, with "too big"
};

bool answer_error(td_frame& frame, const td_packet& p, const Error& error) {
  const std::size_t header = ip_header(p) + TD_ICMP_HEADER;
  const std::size_t quoted =
      std::min({static_cast<std::size_t>(frame.end - p.l3), std::size_t{td_ip_bytes(&p)},
                (p.family == 4 ? kMostBytes4 : kMostBytes6) - header});
  const std::size_t payload = TD_ICMP_HEADER + quoted;
  Packet ip(ip_header(p) + payload);
  std::uint8_t* icmp = ip.data() + ip_header(p);
  const std::uint8_t protocol = p.family == 4 ? TD_PROTO_ICMP : TD_PROTO_ICMPV6;
  write_ip(ip.data(), p, protocol, payload);
  icmp[0] = error.type;
  icmp[1] = error.code;
  td_store32(icmp + 4, error.rest);
  std::memcpy(icmp + TD_ICMP_HEADER, p.l3, quoted);
  td_store16(icmp + 2, transport_sum(ip.data(), p, protocol, payload));
  return replace(frame, p, ip);
}

bool refuse_udp(td_frame& frame, const td_packet& p) {
  return answer_error(frame, p, p.family == 4 ? Error{3, 3} : Error{1, 4});  // port unreachable
}

}  // namespace

bool refuse(td_frame& frame, const td_packet& p) {
  if (p.l4 == nullptr || !td_may_be_answered(&p)) return false;
  return p.protocol == TD_PROTO_TCP ? refuse_tcp(frame, p) : refuse_udp(frame, p);
}

bool answer_too_big(td_frame& frame, const td_packet& p, std::uint32_t mtu) {
  return answer_error(frame, p, p.family == 4 ? Error{3, 4, mtu} : Error{2, 0, mtu});
}

bool answer_time_exceeded(td_frame& frame, const td_packet& p) {
  return answer_error(frame, p, p.family == 4 ? Error{11, 0} : Error{3, 0});
}

}  // namespace tandem::forward
