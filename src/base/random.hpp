// SPDX-License-Identifier: Apache-2.0
// Random numbers of the system's, for seeds and names that outsiders must not know.
#pragma once

#include <cstdint>
#include <random>

namespace tandem {

[[nodiscard]] inline std::uint64_t random_word() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace tandem
