// SPDX-License-Identifier: Apache-2.0
// Counts what the program allocates, by replacing operator new.
#pragma once

#include <cstddef>

namespace tandem::balance {

[[nodiscard]] std::size_t allocations() noexcept;  // since the program began

}  // namespace tandem::balance
