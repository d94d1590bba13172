// SPDX-License-Identifier: Apache-2.0
#include "daemon/sync_gate.hpp"

#include <algorithm>
#include <utility>

#include "daemon/gates.hpp"

namespace tandem::daemon {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);

bool decides_here(const speaker::PlannedRouter& router, const observe::SyncView& sync) {
  return std::ranges::any_of(sync.services, [&](const observe::SyncedService& service) {
    return service.owner &&
           std::ranges::find(router.synced_services, service.name) != router.synced_services.end();
  });
}

}  // namespace

SyncGate::SyncGate(boost::asio::io_context& loop, const Running& running,
                   speaker::VrrpCommands& vrrp, Look look)
    : running_(running), vrrp_(vrrp), look_(std::move(look)), due_(loop, [this] { check(); }) {
  due_.set(MonotonicClock::now() + kInterval);
}

std::string SyncGate::missing(const speaker::PlannedRouter& router, const config::Config& config,
                              const observe::SyncView& sync) {
  for (const auto& name : router.synced_services) {
    const auto service = std::ranges::find(sync.services, name, &observe::SyncedService::name);
    if (service == sync.services.end()) return "service '" + name + "': not known yet";
    // What this node decides itself says nothing of what the other one has.
    if (service->owner || service->state != observe::SyncState::in_sync)
      return "service '" + name + "': " + to_string(service->state);
  }
  if (keeps_sockets(router, config) != Duration{} && !sync.sockets_known)
    return "the other node has not told of connections to its own services";
  return {};
}

std::string SyncGate::missing_there(const speaker::PlannedRouter& router,
                                    const observe::SyncView& sync) {
  for (const auto& service : sync.services)
    if (service.owner && service.state != observe::SyncState::in_sync &&
        std::ranges::find(router.synced_services, service.name) != router.synced_services.end())
      return "service '" + service.name + "': " + to_string(service.state);
  return {};
}

void SyncGate::check() {
  due_.set(MonotonicClock::now() + kInterval);
  const observe::SyncView sync = look_();
  const config::Config& config = running_.plan.config;
  const bool opens_without =
      !sync.connected && config.sync && config.sync->without == config::WithoutSync::preempt;
  for (const auto& router : running_.plan.routers) {
    if (!router.settings.waits_for_flows) continue;
    if (decides_here(router, sync)) forced_.erase(router.id);
    const bool in_sync =
        opens_without || forced_.contains(router.id) || missing(router, config, sync).empty();
    const auto [told, is_new] = told_.try_emplace(router.id, in_sync);
    if (!is_new && std::exchange(told->second, in_sync) == in_sync) continue;
    vrrp_.post([id = router.id, in_sync](speaker::VrrpDriver& driver, MonotonicTime) {
      driver.set_in_sync(id, in_sync);
    });
  }
}

}  // namespace tandem::daemon
