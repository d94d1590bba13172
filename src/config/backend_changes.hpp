// SPDX-License-Identifier: Apache-2.0
// Backends that were added, removed or changed while the daemon runs, and the file that keeps them:
// what it says counts above the configuration's, at each start and each reload.
//
//   [[backend]]
//   service = "api"
//   address = "198.51.100.23"
//   port = 8080
//   weight = 50        # what is not there, the configuration says
//   removed = true     # the configuration has it, and it is not used
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"

namespace tandem::config {

struct BackendChange {
  std::string service;
  IpAddress address;
  std::uint16_t port = 0;
  std::optional<std::uint16_t> weight{};
  std::optional<std::uint32_t> max_connections{};
  std::optional<bool> backup{};
  bool removed = false;
  bool operator==(const BackendChange&) const = default;
};
using BackendChanges = std::vector<BackendChange>;

enum class BackendAction : std::uint8_t { add, remove, set, reset };

// The changes with one more. config: as the file has it, without any. Errors say why it cannot be.
[[nodiscard]] Result<BackendChanges> with_change(const Config& config, BackendChanges changes,
                                                 BackendAction action, BackendChange change);

// The configuration with the changes. What does not fit it, as that has changed since, is left out;
// a sentence for each such.
[[nodiscard]] Config with_changes(const Config& config, const BackendChanges& changes,
                                  std::vector<std::string>& left_out);

// The file. Errors: the first thing wrong with it, as LINE:COLUMN: what.
[[nodiscard]] std::string to_text(const BackendChanges& changes);
[[nodiscard]] Result<BackendChanges> parse_changes(std::string_view text);

}  // namespace tandem::config
