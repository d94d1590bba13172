// SPDX-License-Identifier: Apache-2.0
// What keepalived would ask the machine that it runs on. An import is made there, as a rule.
#pragma once

#include <functional>
#include <string>

#include "base/address.hpp"

namespace tandem::importer {

struct Machine {  // without a function: it is not known
  std::function<bool(const std::string&name)> has_user, has_group;
  std::function<bool(const IpAddress& address)> has_address;
};

}  // namespace tandem::importer
