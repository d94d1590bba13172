// SPDX-License-Identifier: Apache-2.0
#include "sync/roles.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

// So often that two messages fit into the time within which a word is fresh.
Duration interval_for(const std::vector<RoleExchange::Router>& routers) {
  Duration shortest = milliseconds(400);
  for (const auto& router : routers) shortest = std::min(shortest, router.advert_interval);
  return std::max<Duration>(shortest / 4, milliseconds(2));
}

}  // namespace

void RoleExchange::set_routers(std::vector<Router> routers) {
  const std::lock_guard lock(mutex_);
  for (const Router& old : routers_) {
    const bool stays = std::ranges::any_of(routers, [&](const Router& router) {
      return router.id == old.id && router.vrid == old.vrid && router.address == old.address;
    });
    if (!stays) board_.forget_peer(old.id);
  }
  interval_ = interval_for(routers);
  routers_ = std::move(routers);
}

void RoleExchange::begin() {
  peers_clock_ns_ = 0;
  due_ = {};
}

void RoleExchange::send(std::vector<std::uint8_t>& out, MonotonicTime now) {
  const std::uint32_t changes = board_.changes();
  if (now < due_ && changes == told_changes_) return;
  told_changes_ = changes;
  Roles roles{to_ns(now), peers_clock_ns_, {}};
  {
    const std::lock_guard lock(mutex_);
    due_ = now + interval_;
    for (const Router& router : routers_) {
      const vrrp::Role role = board_.own(router.id, now);
      roles.routers.push_back({router.vrid, router.address, static_cast<std::uint8_t>(role.state),
                               role.priority, static_cast<std::uint8_t>(role.serves ? 1 : 0)});
    }
  }
  append(out, roles);
}

// A state that this version does not know is not Active.
void RoleExchange::on(const Roles& roles, MonotonicTime now) {
  peers_clock_ns_ = roles.sent_ns;
  if (roles.echoed_ns == 0 || roles.echoed_ns > to_ns(now)) return;
  const MonotonicTime as_of(Duration(static_cast<Duration::rep>(roles.echoed_ns)));
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    for (const RouterRole& told : roles.routers) {
      const auto router = std::ranges::find_if(routers_, [&](const Router& one) {
        return one.vrid == told.vrid && one.address == told.address;
      });
      if (router == routers_.end()) continue;
      const bool known = told.state <= static_cast<std::uint8_t>(vrrp::State::fault);
      const vrrp::Role role{known ? static_cast<vrrp::State>(told.state) : vrrp::State::fault,
                            told.priority, told.serves == 1};
      changed = board_.set_peer(router->id, {role, as_of}) || changed;
    }
  }
  if (changed && wake_) wake_();
}

}  // namespace tandem::sync
