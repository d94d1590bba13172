// SPDX-License-Identifier: Apache-2.0
// What this process takes of the machine.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace tandem::observe {

struct ProcessView {
  Duration processor{};      // time of all threads
  std::uint64_t memory = 0;  // resident, in bytes
  std::uint64_t open_files = 0;
  std::uint64_t most_files = 0;  // that may be open

  [[nodiscard]] static ProcessView read();
};

}  // namespace tandem::observe
