// SPDX-License-Identifier: Apache-2.0
// What a worker does when there is nothing to do.
//
//   poll   looks again at once: the least latency, and a CPU for nothing else
//   pause  the same with the CPU's hint that it waits, which leaves more to a sibling thread
//   sleep  polls for a while after the last frame, then sleeps, longer each time up to a
//          millisecond: an idle gateway costs next to nothing, and the first frame after a pause
//          is late by that much at most; wake() ends a sleep
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstdint>

#include "base/event_fd.hpp"
#include "base/time.hpp"
#include "config/config.hpp"

namespace tandem::engine {

class Rest {
 public:
  explicit Rest(config::Idle mode) : mode_(mode) {}

  // From any thread.
  void wake() const {
    if (mode_ == config::Idle::sleep) bell_.signal();
  }

  // After each round; frames: that it found.
  void after(std::size_t frames) {
    if (frames > 0) {
      empty_ = 0;
      nap_ = kShortest;
    } else if (mode_ != config::Idle::poll) {
      idle();
    }
  }

 private:
  static constexpr std::uint32_t kEagerRounds = 2'000;  // a tenth of a millisecond or so
  static constexpr Duration kShortest = std::chrono::microseconds(20);
  static constexpr Duration kLongest = std::chrono::milliseconds(1);

  void idle() {
    if (mode_ == config::Idle::pause || empty_++ < kEagerRounds) return __builtin_ia32_pause();
    const timespec time{0, nap_.count()};
    pollfd bell{bell_.get(), POLLIN, 0};
    if (ppoll(&bell, 1, &time, nullptr) > 0) bell_.drain();
    nap_ = std::min(2 * nap_, kLongest);
  }

  config::Idle mode_;
  EventFd bell_;
  std::uint32_t empty_ = 0;  // rounds in a row
  Duration nap_ = kShortest;
};

}  // namespace tandem::engine
