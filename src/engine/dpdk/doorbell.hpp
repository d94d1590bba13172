// SPDX-License-Identifier: Apache-2.0
// Wakes the thread that waits for frames in a ring. Costs who rings a system call only while that
// thread sleeps.
#pragma once

#include <poll.h>

#include <array>
#include <atomic>

#include "base/event_fd.hpp"

namespace tandem::engine {

class Doorbell {
 public:
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(bell_); }

  // From any thread, when there is something.
  void ring() {
    if (asleep_.exchange(false)) ring_loudly();
  }
  // The same, whether it sleeps or is about to.
  void ring_loudly() { bell_.signal(); }

  // Until it is rung, or until `other` can be read (-1: nothing else); at once if is_idle() does
  // not say so, which is asked when no ring can be missed any more.
  template <class IsIdle>
  void wait(IsIdle is_idle, int other = -1) {
    asleep_ = true;
    if (is_idle()) {
      std::array<pollfd, 2> fds = {pollfd{bell_.get(), POLLIN, 0}, pollfd{other, POLLIN, 0}};
      poll(fds.data(), fds.size(), -1);
      bell_.drain();
    }
    asleep_ = false;
  }

 private:
  EventFd bell_;
  std::atomic<bool> asleep_ = false;
};

}  // namespace tandem::engine
