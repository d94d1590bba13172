// SPDX-License-Identifier: Apache-2.0
// TCP sockets of services that a node serves itself, on the addresses of one virtual router.
#pragma once

#include "base/time.hpp"

namespace tandem::observe {

struct SocketsView {
  bool counts = false;    // it has such services, and keeps their sockets over a move
  unsigned here = 0;      // sockets of this node
  bool draining = false;  // without a lease: they go on, until none is left
  Duration at_most{};     // draining: so long
  unsigned there = 0;     // sockets of the peer, as it says
};

}  // namespace tandem::observe
