// SPDX-License-Identifier: Apache-2.0
#include "vrrp/router_set.hpp"

#include <algorithm>
#include <ranges>

#include "vrrp/event.hpp"
#include "vrrp/sync_group.hpp"
#include "vrrp/virtual_router.hpp"

namespace tandem::vrrp {
namespace {

std::uint32_t index_key(std::uint16_t interface, Family family, std::uint8_t vrid) {
  const std::uint32_t family_bit = family == Family::ipv6 ? 1 : 0;
  return std::uint32_t{interface} << 9 | family_bit << 8 | vrid;
}

std::uint32_t index_key(const VirtualRouter& router) {
  return index_key(router.interface(), router.settings().family, router.settings().vrid);
}

bool same_identity(const Settings& a, const Settings& b) {
  return a.vrid == b.vrid && a.family == b.family && a.version == b.version;
}

}  // namespace

RouterSet::RouterSet() = default;
RouterSet::RouterSet(RouterSet&&) noexcept = default;
RouterSet& RouterSet::operator=(RouterSet&&) noexcept = default;
RouterSet::~RouterSet() = default;

// ---- the ways of every event

// The sync group follows last.
void RouterSet::handle(VirtualRouter& router, const Input& input, Event& event) {
  const State before = router.state();
  const bool was_handing_over = router.handing_over();
  router.handle(input, event);
  if (was_handing_over) stay_together(router, event);
  follow(router, before, event);
}

// A handover of one member that came to nothing ends that of the others, and what was taken of them
// may come back at once. Unless nothing is taken over here: then the rest goes, too.
void RouterSet::stay_together(const VirtualRouter& router, Event& event) {
  SyncGroup* const group = router.group();
  if (group == nullptr || router.handing_over()) return;
  if (router.state() == State::active) {
    for (VirtualRouter* member : group->members()) member->handle(input::TakeBack{}, event);
    group->elect(event);
  } else if (!router.is_served()) {
    for (VirtualRouter* member : group->members()) {
      if (member->handing_over()) member->handle(input::HandOver{true}, event);
    }
  }
}

// The router and its sync group.
void RouterSet::handle_all(VirtualRouter& router, const Input& input, Event& event) {
  if (const SyncGroup* const group = router.group()) {
    for (VirtualRouter* member : group->members()) handle(*member, input, event);
  } else {
    handle(router, input, event);
  }
}

// What `router` became, having been `before`, moves its sync group.
void RouterSet::follow(VirtualRouter& router, State before, Event& event) {
  SyncGroup* const group = router.group();
  if (group != nullptr) group->follow(router, before, event);
  if (group != nullptr && router.waiting()) group->elect(event);
  note_deadlines(router);
}

// Timers that are due, other than announcements: adverts come first.
void RouterSet::fire(VirtualRouter& router, Event& event) {
  if (router.deadline() <= event.now) handle(router, input::Time{}, event);
}

// After what may have brought or ended a Fault. A router that left Fault may be due at once.
void RouterSet::review(VirtualRouter& router, Event& event) {
  if (SyncGroup* const group = router.group()) {
    group->review(event);
    for (VirtualRouter* member : group->members()) fire(*member, event);
  } else {
    router.handle(input::Review{false}, event);
    fire(router, event);
  }
  note_deadlines(router);
}

void RouterSet::note_deadlines(const VirtualRouter& router) {
  deadlines_[router.id()] = router.deadline();
  if (const SyncGroup* const group = router.group()) {
    for (const VirtualRouter* member : group->members()) {
      deadlines_[member->id()] = member->deadline();
    }
  }
}

// ---- configuration

void RouterSet::add(RouterId id, std::uint16_t interface, const Settings& settings,
                    const IpAddress& source, bool usable, MonotonicTime now, Actions& out) {
  Event event{now, out};
  if (id >= routers_.size()) {
    routers_.resize(id + std::size_t{1});
    deadlines_.resize(id + std::size_t{1}, kNever);
    peers_heard_.resize(id + std::size_t{1});
  }
  routers_[id] =
      std::make_unique<VirtualRouter>(id, interface, settings, source, usable, failing(settings));
  VirtualRouter& router = *routers_[id];
  index_[index_key(router)] = id;
  join_group(router);
  SyncGroup* const group = router.group();
  router.handle(input::Start{group != nullptr && group->faulty()}, event);
  if (group != nullptr) {
    group->review(event);
    group->adopt(router, event);
  }
  fire(router, event);
  note_deadlines(router);
}

void RouterSet::update(RouterId id, const Settings& settings, MonotonicTime now, Actions& out) {
  VirtualRouter* const router = find(id);
  if (router == nullptr || router->settings() == settings) return;
  if (!same_identity(router->settings(), settings)) {
    const std::uint16_t interface = router->interface();
    const IpAddress source = router->link_source();
    const bool usable = router->link_usable();
    remove(id, now, out);
    add(id, interface, settings, source, usable, now, out);
    return;
  }
  Event event{now, out};
  const bool moves = router->settings().sync_group != settings.sync_group;
  if (moves) leave_group(*router, event);
  handle(*router, input::Update{settings, failing(settings)}, event);
  if (moves) join_group(*router);
  review(*router, event);
  if (moves && router->group() != nullptr) router->group()->adopt(*router, event);
  note_deadlines(*router);
}

void RouterSet::remove(RouterId id, MonotonicTime now, Actions& out) {
  VirtualRouter* const router = find(id);
  if (router == nullptr) return;
  Event event{now, out};
  handle(*router, input::Resign{Cause::reload}, event);
  leave_group(*router, event);
  index_.erase(index_key(*router));
  deadlines_[id] = kNever;
  routers_[id].reset();
}

void RouterSet::join_group(VirtualRouter& router) {
  const std::string& name = router.settings().sync_group;
  if (name.empty()) return;
  auto group = std::ranges::find(groups_, name, [](const auto& g) { return g->name(); });
  if (group == groups_.end()) group = groups_.insert(group, std::make_unique<SyncGroup>(name));
  (*group)->join(router);
}

// It may have been the faulty one, or the one that the others waited for.
void RouterSet::leave_group(VirtualRouter& router, Event& event) {
  SyncGroup* const group = router.group();
  if (group == nullptr) return;
  group->leave(router);
  if (group->members().empty()) {
    std::erase_if(groups_, [group](const auto& g) { return g.get() == group; });
    return;
  }
  review(*group->members().front(), event);
  group->elect(event);
  note_deadlines(*group->members().front());
}

VirtualRouter* RouterSet::find(RouterId id) const {
  return id < routers_.size() ? routers_[id].get() : nullptr;
}

Failing RouterSet::failing(const Settings& settings) const {
  Failing failing;
  for (const Tracked& tracked : settings.tracked) {
    failing.push_back(tracked.source < source_fails_.size() && source_fails_[tracked.source]);
  }
  return failing;
}

// ---- events

void RouterSet::on_interface(std::uint16_t interface, bool usable, const IpAddress& source_v4,
                             const IpAddress& source_v6, MonotonicTime now, Actions& out) {
  Event event{now, out};
  const auto concerned = [interface](const auto& router) {
    return router && router->interface() == interface;
  };
  for (const auto& router : routers_ | std::views::filter(concerned)) {
    const bool v4 = router->settings().family == Family::ipv4;
    router->on_interface(usable, v4 ? source_v4 : source_v6);
  }
  // Only when all know: of a sync group, each shall tell its own reason.
  for (const auto& router : routers_ | std::views::filter(concerned)) review(*router, event);
}

void RouterSet::announce_again(RouterId id, MonotonicTime now, Actions& out) {
  VirtualRouter* const router = find(id);
  if (router == nullptr) return;
  Event event{now, out};
  handle(*router, input::AnnounceAgain{}, event);
}

void RouterSet::on_track(std::uint16_t source, bool up, MonotonicTime now, Actions& out) {
  Event event{now, out};
  if (source >= source_fails_.size()) source_fails_.resize(source + std::size_t{1});
  source_fails_[source] = !up;
  const auto concerned = [source](const auto& router) {
    if (!router) return false;
    const auto& tracked = router->settings().tracked;
    return std::ranges::find(tracked, source, &Tracked::source) != tracked.end();
  };
  for (const auto& router : routers_ | std::views::filter(concerned)) {
    handle(*router, input::Track{source, up}, event);
  }
  for (const auto& router : routers_ | std::views::filter(concerned)) review(*router, event);
}

std::optional<wire::AdvertDrop> RouterSet::on_advert(std::uint16_t interface,
                                                     const wire::ReceivedAdvert& received,
                                                     MonotonicTime now, Actions& out) {
  const wire::Advert& advert = received.advert;
  const auto found = index_.find(index_key(interface, advert.family, advert.vrid));
  if (found == index_.end()) return wire::AdvertDrop::unknown_vrid;
  VirtualRouter& router = *routers_[found->second];
  Event event{now, out};
  const State before = router.state();
  const bool was_handing_over = router.handing_over();
  const auto drop = router.hear(received, event);
  if (was_handing_over) stay_together(router, event);
  follow(router, before, event);
  return drop;
}

void RouterSet::on_sent(RouterId id, int error, MonotonicTime now, Actions& out) {
  Event event{now, out};
  if (VirtualRouter* const router = find(id)) handle(*router, input::Sent{error}, event);
}

void RouterSet::on_time(MonotonicTime now, Actions& out) {
  Event event{now, out};
  for (RouterId id = 0; id < routers_.size(); ++id) {
    if (deadlines_[id] <= now) fire(*routers_[id], event);
  }
  for (RouterId id = 0; id < routers_.size(); ++id) {
    if (deadlines_[id] > now) continue;
    routers_[id]->handle(input::AnnounceDue{}, event);
    deadlines_[id] = routers_[id]->deadline();
  }
}

void RouterSet::on_control(Duration silent, MonotonicTime now, Actions& out) {
  Event event{now, out};
  for (const auto& router : routers_) {
    if (!router) continue;
    handle(*router, input::Control{silent}, event);
    fire(*router, event);  // it may have been held back
  }
}

void RouterSet::on_installed(RouterId id, MonotonicTime now, Actions& out) {
  Event event{now, out};
  if (VirtualRouter* const router = find(id)) handle(*router, input::Installed{}, event);
}

void RouterSet::on_peer_role(RouterId id, const PeerRole& peer, MonotonicTime now, Actions& out) {
  VirtualRouter* const router = find(id);
  if (router == nullptr) return;
  Event event{now, out};
  handle(*router, input::PeerSays{peer}, event);
  fire(*router, event);  // it may have been held back
}

void RouterSet::hear_roles(const RoleBoard& board, MonotonicTime now, Actions& out) {
  for (RouterId id = 0; id < routers_.size(); ++id) {
    const auto peer = board.peer(id);
    if (!peer || peer->as_of == peers_heard_[id]) continue;
    peers_heard_[id] = peer->as_of;
    on_peer_role(id, *peer, now, out);
  }
}

void RouterSet::tell_roles(RoleBoard& board) const {
  for (RouterId id = 0; id < routers_.size(); ++id) {
    const VirtualRouter* const router = routers_[id].get();
    if (router != nullptr) board.set_own(id, router->role(), router->lease());
    if (router == nullptr) board.set_own(id, {}, {});
  }
}

void RouterSet::set_backends_up(RouterId id, bool up) {
  if (auto* router = find(id)) router->set_backends_up(up);
}

void RouterSet::set_in_sync(RouterId id, bool in_sync) {
  if (auto* router = find(id)) router->set_in_sync(in_sync);
}

bool RouterSet::hand_over(RouterId id, bool forced, MonotonicTime now, Actions& out) {
  VirtualRouter* const router = find(id);
  if (router == nullptr) return false;
  Event event{now, out};
  fire(*router, event);  // it may have stalled
  if (router->state() != State::active || router->handing_over()) return false;
  handle_all(*router, input::HandOver{forced}, event);
  return true;
}

bool RouterSet::back(RouterId id, MonotonicTime now, Actions& out) {
  VirtualRouter* const router = find(id);
  if (router == nullptr) return false;
  Event event{now, out};
  fire(*router, event);
  if (!router->handed_over()) return false;
  handle_all(*router, input::TakeBack{}, event);
  return true;
}

void RouterSet::shut_down(MonotonicTime now, Actions& out) {
  Event event{now, out};
  for (const auto& router : routers_) {
    if (router) handle(*router, input::ShutDown{}, event);
  }
}

bool RouterSet::idle() const {
  return std::ranges::none_of(routers_,
                              [](const auto& r) { return r && r->state() == State::active; });
}

MonotonicTime RouterSet::next_deadline() const {
  const auto earliest = std::ranges::min_element(deadlines_);
  return earliest == deadlines_.end() ? kNever : *earliest;
}

// ---- what it tells

std::shared_ptr<Authenticator> RouterSet::authenticator(RouterId id) const {
  const VirtualRouter* const router = find(id);
  return router != nullptr ? router->authenticator() : nullptr;
}

Status RouterSet::status(RouterId id) const {
  const VirtualRouter* const router = find(id);
  return router != nullptr ? router->status() : Status{};
}

}  // namespace tandem::vrrp
