// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/gateway.hpp"

#include <algorithm>

namespace tandem::importer {

const VirtualRouter* Gateway::owner_of(const IpAddress& address) const {
  for (const auto& router : routers)
    if (std::ranges::find(router.addresses, address) != router.addresses.end()) return &router;
  return nullptr;
}

namespace {

bool is_loopback(const IpAddress& address) {  // 127.0.0.0/8, ::1
  if (address.is_v4()) return address.bytes()[0] == 127;
  return address == *IpAddress::parse("::1");
}

}  // namespace

bool Gateway::is_own(const IpAddress& address) const {
  if (is_loopback(address)) return true;
  if (std::ranges::any_of(routers, [&](const auto& router) { return router.source == address; }))
    return true;
  return owner_of(address) == nullptr && machine.has_address && machine.has_address(address);
}

}  // namespace tandem::importer
