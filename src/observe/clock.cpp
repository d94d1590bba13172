// SPDX-License-Identifier: Apache-2.0
#include "observe/clock.hpp"

#include <time.h>

#include <array>
#include <cmath>
#include <cstdio>

namespace tandem::observe {

Now Now::read() {
  return {MonotonicClock::now(), std::chrono::system_clock::now()};
}

WallTime Now::wall_at(MonotonicTime instant) const {
  return wall + std::chrono::duration_cast<WallTime::duration>(instant - monotonic);
}

std::string iso_time(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  const auto clock = static_cast<std::time_t>(seconds.count());
  tm utc{};
  ::gmtime_r(&clock, &utc);
  std::array<char, 32> date{};
  std::array<char, 48> text{};
  (void)std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  (void)std::snprintf(text.data(), text.size(), "%s.%03dZ", date.data(),
                      static_cast<int>((ms - seconds).count()));
  return text.data();
}

double to_ms(Duration duration) {
  return std::round(static_cast<double>(duration.count()) / 1e3) / 1e3;
}

double to_seconds(Duration duration) {
  return std::round(static_cast<double>(duration.count()) / 1e6) / 1e3;
}

}  // namespace tandem::observe
