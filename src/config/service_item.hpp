// SPDX-License-Identifier: Apache-2.0
// One [[service]] as the rules look at it: its values, and where they are in the file.
#pragma once

#include <set>
#include <vector>

#include "config/rules.hpp"

namespace tandem::config {

struct ServiceItem {
  const Service& service;
  const Value& table;

  // The key's place, or that of the table where it has no such key.
  [[nodiscard]] Location at(std::string_view key) const { return place(table, {key}); }
  [[nodiscard]] Location at(std::string_view list, std::size_t index, std::string_view key) const {
    return place(table, {list, index, key});
  }
  // False where the file has another word than this build knows: no rule on `forward` applies.
  [[nodiscard]] bool forward_is_known() const;
  [[nodiscard]] std::string forward() const;  // "dsr" between quotes, as in the file
};

[[nodiscard]] std::vector<ServiceItem> services_of(const File& file);
[[nodiscard]] std::set<IpAddress> virtual_addresses_of(const Config& config);

}  // namespace tandem::config
