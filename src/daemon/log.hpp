// SPDX-License-Identifier: Apache-2.0
// The daemon's log, on stderr. Writing it never waits for its reader: a line that there is no room
// for is dropped and counted, and told of with the next one that there is room for. The reader may
// go, too.
//
// A line that is said over and over again is left out for a while: repeat_limit.hpp.
#pragma once

#include <cstdint>

#include "config/config.hpp"

namespace tandem::daemon {

// Makes it what spdlog writes to.
void open_log();
// Lines below it are left out.
void set_log_level(config::LogLevel level);
// Of all lines since then, those that nobody could read.
[[nodiscard]] std::uint64_t log_lines_lost();

}  // namespace tandem::daemon
