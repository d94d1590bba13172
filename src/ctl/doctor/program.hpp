// SPDX-License-Identifier: Apache-2.0
// What another program prints.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace tandem::doctor {

// Runs a program of the system's directories, and waits for its end. Errors: there is none of that
// name, it failed (its last words are in the message), or it took longer than ten seconds.
[[nodiscard]] Result<std::string> output_of(const std::string& name,
                                            const std::vector<std::string>& arguments);

}  // namespace tandem::doctor
