// SPDX-License-Identifier: Apache-2.0
#include "netlink/tcp_sockets.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <span>

namespace tandem::netlink {
namespace {

// As the kernel numbers them (include/net/tcp_states.h): but for LISTEN, CLOSE and SYN_SENT, and
// TIME_WAIT, which waits for nothing that matters.
constexpr std::uint32_t kConnected =
    1U << 1 | 1U << 3 | 1U << 4 | 1U << 5 | 1U << 8 | 1U << 9 | 1U << 11 | 1U << 12;

// An IPv6 socket may have an IPv4 connection: ::ffff:192.0.2.1 is 192.0.2.1.
IpAddress address_of(std::uint8_t family, const __be32 (&words)[4]) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), words, sizeof words);
  const std::span whole(bytes);
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (family == AF_INET) return IpAddress::v4(whole.first<4>());
  if (std::ranges::equal(whole.first<12>(), kMapped)) return IpAddress::v4(whole.last<4>());
  return IpAddress::v6(whole);
}

}  // namespace

Result<TcpSockets> TcpSockets::open() {
  auto requests = Requests::open(NETLINK_SOCK_DIAG);
  if (!requests) return std::unexpected(requests.error());
  return TcpSockets(std::move(*requests));
}

Result<std::map<TcpEnd, unsigned>> TcpSockets::count(const std::set<TcpEnd>& ends) {
  std::map<TcpEnd, unsigned> counts;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}})
    if (auto done = count(family, ends, counts); !done) return std::unexpected(done.error());
  return counts;
}

Result<void> TcpSockets::count(std::uint8_t family, const std::set<TcpEnd>& ends,
                               std::map<TcpEnd, unsigned>& counts) {
  Owned<nl_msg> question(nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP));
  inet_diag_req_v2 what{};
  what.sdiag_family = family;
  what.sdiag_protocol = IPPROTO_TCP;
  what.idiag_states = kConnected;
  if (!question || nlmsg_append(question.get(), &what, sizeof what, NLMSG_ALIGNTO) < 0)
    return fail("cannot count sockets: out of memory");
  const auto sent = requests_.send(*question, [&](nl_msg& reply) {
    nlmsghdr* header = nlmsg_hdr(&reply);
    if (nlmsg_datalen(header) < static_cast<int>(sizeof(inet_diag_msg))) return;
    const auto& socket = *static_cast<const inet_diag_msg*>(nlmsg_data(header));
    const TcpEnd end{address_of(socket.idiag_family, socket.id.idiag_src),
                     ntohs(socket.id.idiag_sport)};
    if (ends.contains(end)) counts[end]++;
  });
  // Without IPv6 there are none.
  if (!sent && family == AF_INET6 && sent.error().code == ENOENT) return {};
  if (!sent) return fail("cannot count this node's sockets: " + sent.error().reason);
  return {};
}

}  // namespace tandem::netlink
