// SPDX-License-Identifier: Apache-2.0
// Commands of checks and notify scripts that others than root could change (command_safety.hpp).
#pragma once

#include <vector>

#include "config/load.hpp"

namespace tandem::config {

// An error for each, at the table that has the command. Looks at the files that it names.
[[nodiscard]] std::vector<Problem> unsafe_commands(const Config& config);

}  // namespace tandem::config
