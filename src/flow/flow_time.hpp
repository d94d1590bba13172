// SPDX-License-Identifier: Apache-2.0
// Time as the flow table has it: ticks of a power of two of the kernel's jiffies, about a quarter
// of a second, in 16 bits that wrap after hours (tandem/flow.h).
#pragma once

#include <array>
#include <cstdint>

#include "base/result.hpp"
#include "base/time.hpp"
#include "tandem/flow.h"

namespace tandem::flow {

using Tick = std::uint16_t;

// Stamps up to this far ahead of a reader's own clock are of now: another CPU was quicker.
inline constexpr Tick kAhead = 256;
// The longest idle time there is. The rest of the 16 bits is for `kAhead`, and for the sweep to
// come round before the clock has.
inline constexpr Tick kLongestIdle = 60'000;

// Ticks since `stamp`.
constexpr Tick age(Tick now, Tick stamp) {
  const auto ticks = static_cast<Tick>(now - stamp);
  return ticks > 0xffff - kAhead ? Tick{0} : ticks;
}

// The tick_shift for a kernel with this jiffy (clock_getres(CLOCK_MONOTONIC_COARSE)), so that a
// tick is 200-400 ms.
constexpr std::uint32_t tick_shift_for(Duration jiffy) {
  std::uint32_t shift = 0;
  while (jiffy * (std::int64_t{1} << shift) < std::chrono::milliseconds(200)) shift++;
  return shift;
}

// The kernel's jiffies at an instant, reckoned from one reading of both: the kernel steps them by
// CLOCK_MONOTONIC.
class JiffyClock {
 public:
  JiffyClock(Duration jiffy, std::uint64_t jiffies, MonotonicTime at)
      : jiffy_(jiffy), jiffies_(jiffies), at_(at) {}
  [[nodiscard]] std::uint64_t at(MonotonicTime now) const {
    return jiffies_ + static_cast<std::uint64_t>((now - at_) / jiffy_);
  }
  [[nodiscard]] Duration jiffy() const { return jiffy_; }

 private:
  Duration jiffy_;
  std::uint64_t jiffies_;
  MonotonicTime at_;
};

// How long a flow in a state may be idle: until it stops counting as active, and until it is
// forgotten.
struct IdleLimit {
  Duration counted;
  Duration remembered;
};

struct FlowTimeouts {
  IdleLimit syn_sent{std::chrono::seconds(15), std::chrono::seconds(60)};
  IdleLimit established{std::chrono::seconds(900), std::chrono::seconds(3600)};
  IdleLimit closing{Duration{}, std::chrono::seconds(120)};  // one FIN
  IdleLimit closed{Duration{}, std::chrono::seconds(10)};    // both, or RST
  IdleLimit udp{std::chrono::seconds(60), std::chrono::seconds(300)};
};

// The same in ticks, by state.
class IdleTicks {
 public:
  // Rounded up. Error: a limit longer than kLongestIdle ticks of this length, or one that makes a
  // flow count that is forgotten.
  static Result<IdleTicks> from(const FlowTimeouts& timeouts, Duration tick);

  struct Limit {
    Tick counted;
    Tick remembered;
  };
  const Limit& operator[](std::uint8_t state) const { return limits_[state & 15U]; }

 private:
  IdleTicks() = default;
  std::array<Limit, 16> limits_{};
};

}  // namespace tandem::flow
