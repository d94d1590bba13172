// SPDX-License-Identifier: Apache-2.0
// Routers' "too big" about packets that were wrapped here for a tunnel (RFC 2003, 5.1).
//
// XDP wraps packets without the kernel, which so takes an error about one for nobody's. With a raw
// socket of the tunnel's protocol open, it notes the path's MTU as for packets of its own: the next
// answer of ask_route() has it. What comes to the socket otherwise is thrown away by the kernel.
//
// One thread. Wait until one of fds() is readable, then call process().
#pragma once

#include <functional>
#include <vector>

#include "base/address.hpp"
#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace tandem::netlink {

class TunnelErrors {
 public:
  // to: the other end of the tunnel.
  using OnError = std::function<void(const IpAddress& to)>;

  [[nodiscard]] static Result<TunnelErrors> open();

  [[nodiscard]] std::vector<int> fds() const;
  void process(const OnError& on_error);

 private:
  std::vector<Descriptor> sockets_;
};

}  // namespace tandem::netlink
