// SPDX-License-Identifier: Apache-2.0
// Files with the secrets that adverts are signed with: text of 32 to 64 characters, or "hex:" and
// twice as many digits; a line break at the end is none of it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "wire/signature.hpp"

namespace tandem::config {

// Errors: it cannot be read, others than its owner may read it, or it is no such file.
[[nodiscard]] Result<wire::Secret> read_secret(const std::string& file);

// An error for each key of each virtual router whose file is not good.
[[nodiscard]] std::vector<Problem> bad_secret_files(const Config& config);

}  // namespace tandem::config
