// SPDX-License-Identifier: Apache-2.0
// What keepalived would ask the machine that it runs on. An import is made there, as a rule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/address.hpp"

namespace tandem::importer {

struct Machine {  // without a function: it is not known
  std::function<bool(const std::string&name)> has_user, has_group;
  std::function<bool(const IpAddress& address)> has_address;
  // Where it has an address.
  struct Home {
    std::string interface;
    std::uint8_t length = 0;  // of the network's prefix
  };
  std::function<std::optional<Home>(const IpAddress& address)> home_of;
  // The interface that packets to an address leave by; none: there is no route.
  std::function<std::optional<std::string>(const IpAddress& address)> way_to;
};

}  // namespace tandem::importer
