// SPDX-License-Identifier: Apache-2.0
// What two nodes of a pair have to agree on.
#pragma once

#include <vector>

#include "config/load.hpp"

namespace tandem::config {

// Where `ours` does not fit `theirs`, at places of ours. Errors: what breaks the pair; warnings:
// what makes connections end with a move, or go unevenly.
[[nodiscard]] std::vector<Problem> compare_pair(const Config& ours, const Config& theirs);

}  // namespace tandem::config
