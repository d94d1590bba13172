// SPDX-License-Identifier: Apache-2.0
// Tells a worker, or the data thread, that stands still from one that has nothing to do: it goes round
// and round even then, and sleeps for some milliseconds at most.
//
// What is looked at is how many rounds it has made. If it makes none for kPatience, seen by looks
// that came in time themselves, it has stalled; with the next round it works again. Looks that come
// late say nothing: then the whole machine stood still.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace tandem::dataplane {

class StallWatch {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);  // between looks
  static constexpr Duration kPatience = std::chrono::seconds(1);

  // true: it has stalled.
  bool look(std::uint64_t rounds, MonotonicTime now) {
    const bool late = now - looked_ > 3 * kInterval;
    looked_ = now;
    if (rounds != rounds_ || late) {
      if (rounds != rounds_) stalled_ = false;
      rounds_ = rounds;
      since_ = now;
    }
    stalled_ = stalled_ || now - since_ >= kPatience;
    return stalled_;
  }
  [[nodiscard]] bool stalled() const { return stalled_; }

 private:
  std::uint64_t rounds_ = 0;
  MonotonicTime looked_{}, since_{};
  bool stalled_ = false;
};

}  // namespace tandem::dataplane
