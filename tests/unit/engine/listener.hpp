// SPDX-License-Identifier: Apache-2.0
// What arrives on a device, whatever it is.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/descriptor.hpp"
#include "base/time.hpp"
#include "frames.hpp"

namespace tandem::engine {

class Listener {
 public:
  // On a device of this thread's namespace.
  explicit Listener(const char* device)
      : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(if_nametoindex(device));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }

  // Whether this very frame comes, within so long. Others, of the kernel's own, are passed over.
  bool hears(const frames::Bytes& frame, Duration limit) const {
    const auto end = MonotonicClock::now() + limit;
    frames::Bytes got(4096);
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - MonotonicClock::now());
      pollfd ready{socket_.get(), POLLIN, 0};
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) != 1) return false;
      const auto size = recv(socket_.get(), got.data(), got.size(), 0);
      if (size == static_cast<ssize_t>(frame.size()) &&
          std::ranges::equal(frame, std::span(got).first(frame.size())))
        return true;
    }
  }

 private:
  Descriptor socket_;
};

}  // namespace tandem::engine
