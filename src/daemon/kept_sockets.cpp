// SPDX-License-Identifier: Apache-2.0
#include "daemon/kept_sockets.hpp"

#include <algorithm>
#include <utility>

#include "daemon/gates.hpp"

namespace tandem::daemon {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(100);
// Between counts: while something is waited for, and else.
constexpr Duration kSoon = std::chrono::milliseconds(200), kLater = std::chrono::seconds(1);
// A count may take a 20th of a processor.
constexpr int kShare = 20;

std::uint32_t to_ms(Duration time) {
  return static_cast<std::uint32_t>(
      std::max<Duration::rep>(time / std::chrono::milliseconds(1), 0));
}

}  // namespace

KeptSockets::KeptSockets(Deps deps)
    : deps_(std::move(deps)), due_(deps_.loop, [this] { look(MonotonicClock::now()); }) {
  due_.set(MonotonicClock::now() + kLook);
}

void KeptSockets::installed(const speaker::PlannedRouter& r) {
  Router& router = routers_[r.id];
  router.active = true;
  router.drains_until = {};
}

void KeptSockets::remove(const speaker::PlannedRouter& r, MonotonicTime now) {
  const Duration keeps = keeps_sockets(r, deps_.running.plan.config);
  Router& router = routers_[r.id];
  const bool was_active = std::exchange(router.active, false);
  if (keeps == Duration{} || (!was_active && !router.drains())) return deps_.remove(r);
  if (router.drains()) return;  // said again
  router.drains_since = now;
  router.drains_until = now + keeps;
  count_due_ = {};
  look(now);
}

void KeptSockets::resume(const speaker::PlannedRouter& r, MonotonicTime until, MonotonicTime now) {
  Router& router = routers_[r.id];
  const Duration keeps = keeps_sockets(r, deps_.running.plan.config);
  router.drains_since = now;
  router.drains_until = std::min(until, now + keeps);
  deps_.vrrp.post(
      [id = r.id, until = router.drains_until](speaker::VrrpDriver& driver, MonotonicTime) {
        driver.keep_sockets(id, until);
      });
}

void KeptSockets::look(MonotonicTime now) {
  due_.set(now + kLook);
  std::erase_if(routers_, [&](const auto& r) { return !deps_.running.plan.find(r.first); });
  if (now >= count_due_ && !counting_) count(now);
  end_drains(now, false, now);
  follow_peer();
  tell(now);
}

void KeptSockets::count(MonotonicTime now) {
  std::set<netlink::TcpEnd> ends;
  bool soon = false;
  for (const auto& r : deps_.running.plan.routers) {
    const auto found = routers_.find(r.id);
    if (found == routers_.end() || keeps_sockets(r, deps_.running.plan.config) == Duration{})
      continue;
    const Router& router = found->second;
    if (!router.active && !router.drains()) continue;
    soon = soon || router.drains() || router.left == 0;
    for (const auto& end : r.own_tcp) ends.insert({end.address, end.port});
  }
  count_due_ = now + (soon ? kSoon : kLater);
  if (ends.empty()) return;
  counting_ = true;
  deps_.count(ends, [this, now, alive = std::weak_ptr(alive_)](const Result<Counts>& counts) {
    if (!alive.expired()) counted(now, counts, MonotonicClock::now());
  });
}

void KeptSockets::counted(MonotonicTime asked, const Result<Counts>& counts, MonotonicTime now) {
  counting_ = false;
  if (count_due_ != MonotonicTime{})
    count_due_ = std::max(count_due_, now + kShare * (now - asked));
  trouble_ = counts ? "" : counts.error().message;
  for (const auto& r : deps_.running.plan.routers) {
    const auto found = routers_.find(r.id);
    if (found == routers_.end()) continue;
    Router& router = found->second;
    router.left = 0;
    for (const auto& end : r.own_tcp)
      if (counts)
        if (const auto n = counts->find({end.address, end.port}); n != counts->end())
          router.left += n->second;
  }
  end_drains(asked, counts.has_value(), now);
}

// known: whether the counts are what there is.
void KeptSockets::end_drains(MonotonicTime asked, bool known, MonotonicTime now) {
  for (const auto& r : deps_.running.plan.routers) {
    const auto found = routers_.find(r.id);
    if (found == routers_.end() || !found->second.drains()) continue;
    Router& router = found->second;
    const bool none_left = known && router.left == 0 && asked >= router.drains_since;
    if (!none_left && now < router.drains_until) continue;
    if (router.left > 0)
      deps_.note(r.config.name + ": drain_timeout is over, and " + std::to_string(router.left) +
                 " connections to this node's own services end");
    router.drains_until = {};
    router.left = 0;
    deps_.vrrp.post(
        [id = r.id](speaker::VrrpDriver& driver, MonotonicTime) { driver.keep_sockets(id, {}); });
    deps_.remove(r);
  }
}

void KeptSockets::follow_peer() {
  const sync::LinkView link = deps_.peer();
  for (const auto& r : deps_.running.plan.routers) {
    if (keeps_sockets(r, deps_.running.plan.config) == Duration{}) continue;
    Router& router = routers_[r.id];
    const auto& said = link.peer_sockets.routers;
    const auto its = std::ranges::find_if(
        said, [&](const sync::RouterSockets& sockets) { return r.config.has(sockets.address); });
    // One whose process has ended counts no more.
    const bool is_there = its != said.end() && its->keeps_ms != 0 &&
                          (link.connected || (link.peer_lives && its->left != 0));
    if (!is_there) {
      router.peer.reset();
      deps_.steering.set_peer_sockets(r.id, std::nullopt);
      continue;
    }
    router.peer = *its;
    deps_.steering.set_peer_sockets(
        r.id, {{its->mac, link.peer_sockets_at + std::chrono::milliseconds(its->keeps_ms)}});
  }
  knows_peer_ = link.connected && link.peer_sockets_known;
}

void KeptSockets::tell(MonotonicTime now) {
  sync::LocalSockets all;
  for (const auto& r : deps_.running.plan.routers) {
    const Duration keeps = keeps_sockets(r, deps_.running.plan.config);
    const auto mac = deps_.mac(r);
    if (keeps == Duration{} || !mac) continue;
    const Router& router = routers_[r.id];
    Duration from_now{};
    if (router.drains()) from_now = router.drains_until - now;
    if (router.active) from_now = keeps;
    all.routers.push_back({r.own_tcp.front().address, *mac, to_ms(from_now), router.left});
  }
  deps_.tell(all);
}

bool KeptSockets::holds() const {
  return std::ranges::any_of(routers_, [](const auto& r) {
    return r.second.left > 0 && (r.second.active || r.second.drains());
  });
}

observe::SocketsView KeptSockets::view(vrrp::RouterId id, MonotonicTime now) const {
  const auto found = routers_.find(id);
  const auto* planned = deps_.running.plan.find(id);
  if (found == routers_.end() || planned == nullptr) return {};
  const Router& router = found->second;
  observe::SocketsView view;
  view.counts = keeps_sockets(*planned, deps_.running.plan.config) != Duration{};
  view.here = router.left;
  view.draining = router.drains();
  if (view.draining) view.at_most = std::max(router.drains_until - now, Duration{});
  if (router.peer) view.there = router.peer->left;
  return view;
}

std::vector<std::string> KeptSockets::troubles() const {
  if (trouble_.empty()) return {};
  return {trouble_ + "; an address that moved stays here for the whole drain_timeout, and " +
          "`failover --wait` waits as long"};
}

}  // namespace tandem::daemon
