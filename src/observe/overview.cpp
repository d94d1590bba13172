// SPDX-License-Identifier: Apache-2.0
#include "observe/overview.hpp"

namespace tandem::observe {

using nlohmann::json;

std::string overview_text(const Overview& o) {
  const json document = {
      {"version", o.node.version},
      {"status", status_document(o.node, o.now)},
      {"vrrp", vrrp_document(o.routers, o.now)},
      {"services", o.services.tables ? services_document(o.services) : json()},
      {"backends", backends_document(o.backends, o.now)},
      {"sync", o.sync ? sync_document(*o.sync, o.now) : json()},
      {"events", o.events},
  };
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> readiness_text(const Overview& o) {
  std::string why;
  for (const RouterView& router : o.routers)
    if (router.status.state == vrrp::State::fault || router.status.state == vrrp::State::initialize)
      why += "\n" + router.config.name + " is in " + to_string(router.status.state);
  for (const auto& device : o.node.unserved)
    why += "\n" + device + ": services with backends are not served";
  if (!why.empty()) return fail("not ready:" + why);
  return std::string("ready\n");
}

}  // namespace tandem::observe
