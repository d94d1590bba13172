// SPDX-License-Identifier: Apache-2.0
// Durations as people write them: a number and a unit, "250ms", "1s", "40.95s".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace tandem::config {

// Units: us, ms, s, m, h. The number is decimal, not negative, may have a fraction, and is exact to
// the nanosecond; anything else, or more than 10,000 hours, is nullopt.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// In the largest unit that leaves a whole number: 1500 ms is "1500ms", 60 s is "1m", 0 is "0s".
[[nodiscard]] std::string to_text(Duration duration);

}  // namespace tandem::config
