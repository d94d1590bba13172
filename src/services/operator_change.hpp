// SPDX-License-Identifier: Apache-2.0
// What the operator has set of a backend beside the configuration, as it is kept over a restart.
#pragma once

#include <string>
#include <vector>

#include "sync/wish_book.hpp"

namespace tandem::services {

struct OperatorChange {
  std::string service;  // its name; "": it is not configured here
  // Kept by a version that knew the service by its name alone: its address is unspecified, port 0.
  sync::BackendWish wish;
  bool operator==(const OperatorChange&) const = default;
};

using OperatorChanges = std::vector<OperatorChange>;

}  // namespace tandem::services
