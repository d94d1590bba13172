// SPDX-License-Identifier: Apache-2.0
// What keepalived would ask the machine that it runs on. An import is made there, as a rule.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/address.hpp"

namespace tandem::importer {

struct Machine {  // without a function: it is not known
  std::function<bool(const std::string&name)> has_user, has_group;
  std::function<bool(const IpAddress& address)> has_address;
  // The interface that packets to an address leave by; none: there is no route.
  std::function<std::optional<std::string>(const IpAddress& address)> way_to;
};

}  // namespace tandem::importer
