// SPDX-License-Identifier: Apache-2.0
#include "daemon/backends_gate.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tandem::daemon {
namespace {

constexpr auto kBackendsLook = std::chrono::milliseconds(100);

bool is_up(const services::RunningBackend& backend, const LastCheck& last_check,
           MonotonicTime since) {
  if (backend.state != balance::State::up) return false;
  const auto check = last_check(backend);
  return !check || (check->state == health::State::up && check->begun >= since);
}

}  // namespace

bool backends_are_up(const speaker::PlannedRouter& router,
                     const services::RunningServices& services, const LastCheck& last_check,
                     MonotonicTime since) {
  for (const auto& service : services) {
    if (!router.config.has(service.config.address)) continue;
    const auto is_missing = [&](const services::RunningBackend& backend) {
      return !backend.retired && !backend.drained && !is_up(backend, last_check, since);
    };
    if (std::ranges::any_of(service.backends, is_missing)) return false;
  }
  return true;
}

BackendsGate::BackendsGate(boost::asio::io_context& loop, const Running& running,
                           const services::RunningServices& services, LastCheck last_check,
                           speaker::VrrpCommands& vrrp)
    : running_(running),
      services_(services),
      last_check_(std::move(last_check)),
      vrrp_(vrrp),
      due_(loop, [this] { check(); }) {
  check();
}

void BackendsGate::on_links(const netlink::Links& links) {
  bool came_back = false;
  for (const auto& interface : running_.plan.config.interfaces) {
    const auto link = links.find(interface.name);
    if (!link || !link->up)
      absent_.insert(interface.name);
    else
      came_back = absent_.erase(interface.name) > 0 || came_back;
  }
  if (!came_back) return;
  since_ = MonotonicClock::now();
  check();
}

void BackendsGate::check() {
  due_.set(MonotonicClock::now() + kBackendsLook);
  for (const auto& router : running_.plan.routers) {
    const bool up = backends_are_up(router, services_, last_check_, since_);
    const auto [told, is_new] = told_.try_emplace(router.id, up);
    if (!is_new && std::exchange(told->second, up) == up) continue;
    vrrp_.post([id = router.id, up](speaker::VrrpDriver& driver, MonotonicTime) {
      driver.set_backends_up(id, up);
    });
  }
}

}  // namespace tandem::daemon
