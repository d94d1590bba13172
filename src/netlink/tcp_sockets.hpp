// SPDX-License-Identifier: Apache-2.0
// The TCP sockets of this node: how many there are of what it serves itself. Of its network namespace,
// as the kernel finds them for packets.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>

#include "base/address.hpp"
#include "base/result.hpp"
#include "netlink/socket.hpp"

namespace tandem::netlink {

// The local end.
struct TcpEnd {
  IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(const TcpEnd&) const = default;
};

class TcpSockets {
 public:
  static Result<TcpSockets> open();

  // Connections by local end, for the ends asked for: from the handshake until the last byte is
  // acknowledged. Takes about a microsecond for each connection of the node.
  Result<std::map<TcpEnd, unsigned>> count(const std::set<TcpEnd>& ends);

 private:
  explicit TcpSockets(Requests requests) : requests_(std::move(requests)) {}
  Result<void> count(std::uint8_t family, const std::set<TcpEnd>& ends,
                     std::map<TcpEnd, unsigned>& counts);

  Requests requests_;
};

}  // namespace tandem::netlink
