// SPDX-License-Identifier: Apache-2.0
// A small file beside the control socket, in which one process leaves something to the next.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace tandem::daemon {

// nullopt: there is none.
[[nodiscard]] std::optional<std::string> read_kept(const std::string& file);
// The old text or the new is there at any moment. For its owner alone.
[[nodiscard]] Result<void> write_kept(const std::string& file, const std::string& text);
// As FILE.refused, for the operator to look at. Logs why, and what is lost.
void put_aside(const std::string& file, const Error& why, const std::string& lost);

}  // namespace tandem::daemon
