// SPDX-License-Identifier: Apache-2.0
// What the operator has set of a backend beside the configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace tandem::services {

struct OperatorChange {
  std::string service;
  IpAddress address;
  std::uint16_t port = 0;
  bool drained = false;
  std::uint16_t weight = 0;  // in use
  std::uint16_t configured_weight =
      0;  // at that time: where the file has another one now, it is newer
  bool operator==(const OperatorChange&) const = default;
};

using OperatorChanges = std::vector<OperatorChange>;

}  // namespace tandem::services
