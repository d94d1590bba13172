// SPDX-License-Identifier: Apache-2.0
#include "observe/sync_document.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tandem::observe {

const char* to_string(SyncState state) {
  switch (state) {
    case SyncState::in_sync:
      return "in sync";
    case SyncState::checking:
      return "checking";
    case SyncState::repairing:
      return "repairing";
    case SyncState::not_configured_there:
      return "not configured on the other node";
    case SyncState::not_connected:
      break;
  }
  return "not connected";
}

namespace {

// What there is to see of why flows differ; empty: nothing.
std::string why_different(const SyncView& sync) {
  if (sync.rooms_differ)
    return "; the flow tables of the nodes differ in size: give both the same flows.size and "
           "flows.size_ipv6";
  if (sync.no_room > 0)
    return "; " + std::to_string(sync.no_room) +
           " records found no room here, or their source port in use: give both nodes the same "
           "flows.size and flows.size_ipv6";
  if (sync.unknown > 0)
    return "; " + std::to_string(sync.unknown) +
           " records named a service or backend that is not configured here: give both nodes the "
           "same ones";
  return "";
}

}  // namespace

bool SyncView::in_sync() const {
  return connected && std::ranges::all_of(services, [](const SyncedService& service) {
           return service.state == SyncState::in_sync;
         });
}

std::string SyncView::trouble() const {
  if (!connected)
    return "sync: no session with the other node (" + why +
           "), so connections do not outlive a move now; look at sync.peer, at the link, and at "
           "`tandemctl sync` on the other node";
  for (const SyncedService& service : services)
    if (service.state == SyncState::not_configured_there)
      return "sync: service '" + service.name +
             "' is not configured on the other node, so its connections do not outlive a move; "
             "give both nodes the same services";
  for (const SyncedService& service : services)
    if (service.state != SyncState::in_sync)
      return "sync: service '" + service.name + "' is not in sync (" + to_string(service.state) +
             "), so its connections may not outlive a move now" + why_different(*this);
  if (settings_equal == false)
    return "sync: the nodes do not have the same drains and weights of `tandemctl drain` and "
           "`weight`; compare `tandemctl backends` on both";
  return "";
}

nlohmann::json sync_document(const SyncView& sync, const Now& now) {
  nlohmann::json services = nlohmann::json::array();
  for (const SyncedService& service : sync.services)
    services.push_back(
        {{"service", service.name}, {"owner", service.owner}, {"state", to_string(service.state)}});
  return {{"in_sync", sync.in_sync()},
          {"trouble", sync.trouble()},
          {"connected", sync.connected},
          {"peer", sync.peer},
          {"link", sync.link},
          {"for_seconds", to_seconds(now.monotonic - sync.since)},
          {"lag_seconds", to_seconds(sync.lag)},
          {"sessions", sync.sessions},
          {"refused", sync.refused},
          {"flows_sent", sync.flows_sent},
          {"flows_received", sync.flows_received},
          {"clients_sent", sync.clients_sent},
          {"clients_received", sync.clients_received},
          {"repairs", sync.repairs},
          {"conflicts", sync.conflicts},
          {"unknown", sync.unknown},
          {"no_room", sync.no_room},
          {"behind", sync.is_behind},
          {"settings_equal", sync.settings_equal ? nlohmann::json(*sync.settings_equal) : nullptr},
          {"services", std::move(services)}};
}

}  // namespace tandem::observe
