// SPDX-License-Identifier: Apache-2.0
// The secret that both nodes have: it authenticates each to the other, and keeps from clients what
// sums over flows are made with.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace tandem::sync {

using Key = std::array<std::uint8_t, 32>;

// Reads a key file: 64 hexadecimal digits. Errors: it cannot be read, others than its owner may read
// it, or it is no such file.
[[nodiscard]] Result<Key> read_key(const std::string& file);
// Makes one with a new key, for its owner alone. Error: it is there already, or cannot be written.
[[nodiscard]] Result<void> make_key(const std::string& file);

// For forward::FlowSums: the same on both nodes.
[[nodiscard]] std::uint64_t secret_of_sums(const Key& key);

}  // namespace tandem::sync
