// SPDX-License-Identifier: Apache-2.0
#include "observe/overview.hpp"

namespace tandem::observe {

using nlohmann::json;

std::string overview_text(const Overview& o) {
  const json document = {
      {"status", status_document(o.node, o.now)},
      {"vrrp", vrrp_document(o.routers, o.now)},
      {"services", o.services.tables ? services_document(o.services) : json()},
      {"backends", backends_document(o.backends, o.now)},
      {"sync", o.sync ? sync_document(*o.sync, o.now) : json()},
      {"events", o.events},
  };
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tandem::observe
