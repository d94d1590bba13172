// SPDX-License-Identifier: Apache-2.0
// Monotonic instants and durations. One clock for all of Tandem: CLOCK_MONOTONIC, which is also
// what bpf_ktime_get_ns() reads, so that a lease deadline means the same on both sides.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace tandem {

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return time_point(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
  }
};

using MonotonicTime = MonotonicClock::time_point;

// "Never": later than every deadline.
inline constexpr MonotonicTime kNever = MonotonicTime::max();

// Nanoseconds since boot, as bpf_ktime_get_ns() counts them.
constexpr std::uint64_t to_ns(MonotonicTime t) noexcept {
  return static_cast<std::uint64_t>(t.time_since_epoch().count());
}
constexpr MonotonicTime from_ns(std::uint64_t ns) noexcept {
  return MonotonicTime(Duration(static_cast<Duration::rep>(ns)));
}

}  // namespace tandem
