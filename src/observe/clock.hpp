// SPDX-License-Identifier: Apache-2.0
// One instant on both clocks, so that monotonic instants can be shown to people.
#pragma once

#include <chrono>
#include <string>

#include "base/time.hpp"

namespace tandem::observe {

using WallTime = std::chrono::system_clock::time_point;

struct Now {
  MonotonicTime monotonic;
  WallTime wall;

  [[nodiscard]] static Now read();
  // The wall time of another monotonic instant, as far as the wall clock was not set since.
  [[nodiscard]] WallTime wall_at(MonotonicTime instant) const;
};

// "2031-05-04T10:20:30.123Z" (ISO 8601, UTC)
[[nodiscard]] std::string iso_time(WallTime time);
// For documents: milliseconds with three decimals, seconds with three decimals.
[[nodiscard]] double to_ms(Duration duration);
[[nodiscard]] double to_seconds(Duration duration);

}  // namespace tandem::observe
