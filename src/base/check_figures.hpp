// SPDX-License-Identifier: Apache-2.0
// How the runs of a check went.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace tandem {

struct CheckFigures {
  std::uint64_t runs = 0;  // finished
  std::uint64_t failures = 0;
  Duration latency{};  // of the last one, from its start to its result
};

}  // namespace tandem
