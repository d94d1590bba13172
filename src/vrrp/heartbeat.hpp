// SPDX-License-Identifier: Apache-2.0
// How long a thread that is to count its beats has counted none. A look that comes late says nothing
// about the time before it: then the looker did not run either.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace tandem::vrrp {

class Heartbeat {
 public:
  static constexpr Duration kLook = std::chrono::milliseconds(100);  // between looks

  // Looks, if it is time to. 0 beats: it has not begun, and is not silent.
  // Returns for how long there was none, as far as looks in time tell.
  Duration look(std::uint64_t beats, MonotonicTime now) {
    if (now < next_look()) return silent_;
    const Duration passed = std::min(now - looked_, 2 * kLook);
    looked_ = now;
    silent_ = beats == 0 || beats != beats_ ? Duration{} : silent_ + passed;
    beats_ = beats;
    return silent_;
  }
  [[nodiscard]] MonotonicTime next_look() const { return looked_ + kLook; }

 private:
  std::uint64_t beats_ = 0;
  MonotonicTime looked_{};
  Duration silent_{};
};

}  // namespace tandem::vrrp
