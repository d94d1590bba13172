// SPDX-License-Identifier: Apache-2.0
#include "import/gateway.hpp"

#include <algorithm>

namespace tandem::importer {

const VirtualRouter* Gateway::owner_of(const IpAddress& address) const {
  for (const auto& router : routers)
    if (std::ranges::find(router.addresses, address) != router.addresses.end()) return &router;
  return nullptr;
}

}  // namespace tandem::importer
