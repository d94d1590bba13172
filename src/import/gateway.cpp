// SPDX-License-Identifier: Apache-2.0
#include "import/gateway.hpp"

#include <algorithm>

namespace tandem::importer {

void Gateway::use_interface(const std::string& name, const Place& place) {
  const auto is_named = [&](const auto& known) { return known.first == name; };
  if (std::ranges::none_of(interfaces, is_named)) interfaces.emplace_back(name, place);
}

const VirtualRouter* Gateway::owner_of(const IpAddress& address) const {
  for (const auto& router : routers)
    if (std::ranges::find(router.addresses, address) != router.addresses.end()) return &router;
  return nullptr;
}

}  // namespace tandem::importer
