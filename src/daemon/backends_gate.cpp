// SPDX-License-Identifier: Apache-2.0
#include "daemon/backends_gate.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tandem::daemon {
namespace {

constexpr auto kBackendsLook = std::chrono::milliseconds(100);

bool has_address(const speaker::PlannedRouter& router, const IpAddress& address) {
  return std::ranges::any_of(router.config.addresses, [&](const config::VirtualAddress& a) {
    return a.prefix.address == address;
  });
}

}  // namespace

bool backends_are_up(const speaker::PlannedRouter& router,
                     const services::RunningServices& services) {
  for (const auto& service : services) {
    if (!service.config.check || !has_address(router, service.config.address)) continue;
    const auto is_missing = [](const services::RunningBackend& backend) {
      return !backend.retired && !backend.drained && backend.state == balance::State::down;
    };
    if (std::ranges::any_of(service.backends, is_missing)) return false;
  }
  return true;
}

BackendsGate::BackendsGate(boost::asio::io_context& loop, const Running& running,
                           const services::RunningServices& services, speaker::VrrpCommands& vrrp)
    : running_(running), services_(services), vrrp_(vrrp), due_(loop, [this] { check(); }) {
  check();
}

void BackendsGate::check() {
  due_.set(MonotonicClock::now() + kBackendsLook);
  for (const auto& router : running_.plan.routers) {
    const bool up = backends_are_up(router, services_);
    const auto [told, is_new] = told_.try_emplace(router.id, up);
    if (!is_new && std::exchange(told->second, up) == up) continue;
    vrrp_.post([id = router.id, up](speaker::VrrpDriver& driver, MonotonicTime) {
      driver.set_backends_up(id, up);
    });
  }
}

}  // namespace tandem::daemon
