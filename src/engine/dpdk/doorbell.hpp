// SPDX-License-Identifier: Apache-2.0
// Wakes the thread that waits for frames in a ring. Costs who rings a system call only while that
// thread sleeps.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "base/descriptor.hpp"

namespace tandem::engine {

class Doorbell {
 public:
  Doorbell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }

  // From any thread, when there is something.
  void ring() {
    if (asleep_.exchange(false)) ring_loudly();
  }
  // The same, whether it sleeps or is about to.
  void ring_loudly() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);
  }

  // Until it is rung, or until `other` can be read (-1: nothing else); at once if is_idle() does
  // not say so, which is asked when no ring can be missed any more.
  template <class IsIdle>
  void wait(IsIdle is_idle, int other = -1) {
    asleep_ = true;
    if (is_idle()) {
      std::array<pollfd, 2> fds = {pollfd{fd_.get(), POLLIN, 0}, pollfd{other, POLLIN, 0}};
      poll(fds.data(), fds.size(), -1);
      std::uint64_t count = 0;
      [[maybe_unused]] const auto n = ::read(fd_.get(), &count, sizeof count);
    }
    asleep_ = false;
  }

 private:
  Descriptor fd_;
  std::atomic<bool> asleep_ = false;
};

}  // namespace tandem::engine
