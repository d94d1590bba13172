// SPDX-License-Identifier: Apache-2.0
#include "vrrp/sync_group.hpp"

#include <algorithm>
#include <tuple>

namespace tandem::vrrp {
namespace {

auto rank(const VirtualRouter* router) {
  return std::tuple(router->settings().family, router->settings().vrid, router->id());
}

bool yielded(const VirtualRouter& mover) {
  return mover.cause() == Cause::higher_priority || mover.cause() == Cause::address_tie;
}

}  // namespace

void SyncGroup::join(VirtualRouter& router) {
  members_.insert(std::ranges::upper_bound(members_, rank(&router), {}, rank), &router);
  router.set_group(this);
}

void SyncGroup::leave(VirtualRouter& router) {
  std::erase(members_, &router);
  router.set_group(nullptr);
}

bool SyncGroup::faulty() const {
  return std::ranges::any_of(members_, [](const VirtualRouter* m) { return m->faulty(); });
}

void SyncGroup::review(Event& event) {
  const bool group_fault = faulty();
  for (VirtualRouter* member : members_) member->handle(input::Review{group_fault}, event);
}

void SyncGroup::follow(const VirtualRouter& mover, State before, Event& event) {
  if (before != State::active || mover.state() != State::backup) return;
  // A planned handover: each member waits for the peer's advert of its own.
  if (mover.cause() == Cause::handed_over) return;
  for (VirtualRouter* member : members_) member->handle(input::StepDown{}, event);
  const VirtualRouter& first = *members_.front();
  if (!yielded(mover) || first.peer() <= first.source()) return;
  for (VirtualRouter* member : members_) member->handle(input::Hold{}, event);
}

void SyncGroup::adopt(VirtualRouter& router, Event& event) {
  const bool active = std::ranges::any_of(members_, [&router](const VirtualRouter* m) {
    return m != &router && m->state() == State::active && !m->handing_over();
  });
  if (active) router.handle(input::TakeOver{Cause::sync_group}, event);
}

bool SyncGroup::agrees(const VirtualRouter& member, bool resigned, MonotonicTime now) const {
  switch (member.state()) {
    case State::active:
      return !member.handing_over();
    case State::backup:
      return member.waiting().has_value() || (resigned && member.may_follow(now));
    case State::initialize:
    case State::fault:
      break;
  }
  return false;
}

void SyncGroup::elect(Event& event) {
  const bool resigned = std::ranges::any_of(
      members_, [](const VirtualRouter* m) { return m->waiting() == Cause::peer_resigned; });
  const bool agreed = std::ranges::all_of(
      members_, [&](const VirtualRouter* m) { return agrees(*m, resigned, event.now); });
  if (!agreed) return;
  bool blocked = false;
  for (VirtualRouter* member : members_) {
    if (member->state() != State::backup || !member->blocked()) continue;
    member->handle(input::Probe{}, event);
    blocked = true;
  }
  if (blocked) return;  // each whose probe leaves waits again, which elects anew
  for (VirtualRouter* member : members_) {
    member->handle(input::TakeOver{member->waiting().value_or(Cause::sync_group)}, event);
  }
}

}  // namespace tandem::vrrp
