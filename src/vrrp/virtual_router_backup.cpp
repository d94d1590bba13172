// SPDX-License-Identifier: Apache-2.0
// What a virtual router does in Backup: the rows of Backup in VirtualRouter::handle().
#include "vrrp/virtual_router.hpp"

#include <algorithm>
#include <utility>

namespace tandem::vrrp {

Backup VirtualRouter::new_backup(MonotonicTime now) const {
  Backup backup;
  arm(backup, active_down(), Cause::down_timer, now);
  return backup;
}

Backup VirtualRouter::yielding_backup(MonotonicTime now) const {
  Backup backup = new_backup(now);
  backup.farewells = kFarewells;
  return backup;
}

// cause: what it will mean when the timer fires.
void VirtualRouter::arm(Backup& backup, Duration delay, Cause cause, MonotonicTime now) const {
  backup.active_down = std::max({now + delay, startup_until_, hold_until_});
  backup.listen = std::min(backup.active_down, now + status_.active_adver_interval);
  backup.takeover = cause;
  backup.waiting = backup.settling = backup.held_back = false;
}

// RFC 9568, 6.4.2.
void VirtualRouter::hear(Backup& backup, const wire::ReceivedAdvert& received, Event& event) {
  const wire::Advert& advert = received.advert;
  const bool inferior = advert.priority < status_.effective_priority;
  if (advert.priority == kResignPriority) {
    prepare_takeover(backup, event);
  } else if (!inferior || !preempts(event.now)) {
    // An equal or better Active ends what a lower one began.
    if (!inferior) preempt_after_ = kNever;
    accept_active(backup, advert, event);
    // Of a sync group that yielded: here is the better one that has to know.
    if (backup.farewells > 0 && backup.farewell == kNever && is_superior(received)) {
      backup.farewell = event.now + between_farewells();
    }
  } else if (backup.takeover == Cause::down_timer) {
    backup.takeover = Cause::preempted;  // discarded: the timer runs on
  }
}

// The Active resigned. The kernel gets the addresses now: it takes longer than the first advert,
// and the kernel's copy answers nobody as long as we hold no lease.
void VirtualRouter::prepare_takeover(Backup& backup, Event& event) {
  arm(backup, skew(), Cause::peer_resigned, event.now);
  backup.farewell = kNever;
  backup.farewells = 0;
  if (backup.installed || !may_follow(event.now)) return;
  backup.installed = true;
  event.out.push_back(InstallAddresses{id()});
}

// An Active that we leave in place was heard.
void VirtualRouter::accept_active(Backup& backup, const wire::Advert& advert, Event& event) {
  learn_interval(advert, event);
  hold_until_ = {};
  backup.began_anew = backup.deferred = false;
  backup.held_back_until.reset();
  arm(backup, active_down(), Cause::down_timer, event.now);
  uninstall(backup, event);
}

// Until the better Active has heard of us it does not announce again, and the neighbours that we drew
// away stay here. One word may get lost.
void VirtualRouter::say_farewell(Backup& backup, Event& event) {
  if (event.now < backup.farewell) return;
  if (status_.effective_priority >
      status_.peer_priority) {  // since then: it must not yield to this
    backup.farewell = kNever;
    backup.farewells = 0;
    return;
  }
  backup.farewell = --backup.farewells > 0 ? event.now + between_farewells() : kNever;
  event.out.push_back(SendAdvert{id(), status_.effective_priority});
  ++status_.adverts_sent;
}

void VirtualRouter::uninstall(Backup& backup, Event& event) {
  if (std::exchange(backup.installed, false)) event.out.push_back(RemoveAddresses{id()});
}

// Whether we would take over from an Active with a lower priority. The owner always would
// (RFC 9568, 6.1, Preempt_Mode), unless an operator handed its addresses over, or connections would
// break. Called when such an Active was heard, which is what preempt_delay counts from.
bool VirtualRouter::preempts(MonotonicTime now) {
  if (status_.handed_over) {
    // Not for a peer that has begun to fail since.
    if (status_.peer_priority >=
        std::exchange(taker_priority_, std::max(taker_priority_, status_.peer_priority)))
      return false;
    take_back(now);
  }
  if (is_not_ready(now)) return false;
  if (is_owner()) return true;
  if (!settings_.preempt) return false;
  if (settings_.preempt_delay == Duration::zero()) return true;
  if (preempt_after_ == kNever) preempt_after_ = now + settings_.preempt_delay;
  return now >= preempt_after_;
}

// A listening mark, or Active_Down_Timer.
void VirtualRouter::listen(Backup& backup, Event& event) {
  say_farewell(backup, event);
  if (backup.waiting || event.now < backup.listen) return;
  const Duration late = event.now - backup.listen;
  const bool stalled = late > stall_limit(status_.active_adver_interval) && !backup.settling;
  if (stalled) note_stall(late, event);
  if (stalled && !std::exchange(backup.began_anew, true)) {
    arm(backup, active_down(), Cause::down_timer, event.now);
  } else if (stalled && event.now >= backup.active_down) {
    backup.settling = true;
    backup.listen = backup.active_down = event.now + kSettleTime;
  } else if (event.now < backup.active_down) {
    backup.listen = std::min(backup.active_down, event.now + status_.active_adver_interval);
  } else if (!is_served()) {
    defer_takeover(backup, event);
  } else if (backup.takeover == Cause::preempted && is_not_ready(event.now)) {
    // It was when the Active was last heard. What is left is silence.
    const Duration left = status_.peer_seen + active_down() - event.now;
    arm(backup, std::max(left, Duration::zero()), Cause::down_timer, event.now);
  } else if (is_held_back(backup, event)) {
    return;
  } else if (group_ != nullptr) {
    backup.waiting = true;
  } else if (blocked()) {
    probe(backup, event);
  } else {
    become_active(backup.takeover, event);
  }
}

// An advert that leaves says that we are Active; so we are as soon as we know that it did.
void VirtualRouter::probe(Backup& backup, Event& event) {
  arm(backup, rhythm(), backup.takeover, event.now);
  backup.probing = true;
  event.out.push_back(SendAdvert{id(), status_.effective_priority});
  ++status_.adverts_sent;
}

void VirtualRouter::probed(Backup& backup, int error, Event& event) {
  if (!std::exchange(backup.probing, false)) return;
  note_sent(error, event);
  if (error != 0) return;
  if (group_ != nullptr) {
    backup.waiting = true;
  } else {
    become_active(backup.takeover, event);
  }
}

// The timer has fired: whether that is put off, since the peer says that it is Active.
bool VirtualRouter::is_held_back(Backup& backup, Event& event) {
  if (backup.takeover != Cause::down_timer || !peer_is_active(event.now)) return false;
  const bool first = !backup.held_back_until;
  const Duration most = settings_.down_adverts * status_.active_adver_interval;
  if (first) backup.held_back_until = event.now + most;
  const MonotonicTime until =
      std::min(*backup.held_back_until, status_.peer_role->as_of + active_down());
  if (until <= event.now) return false;
  arm(backup, until - event.now, Cause::down_timer, event.now);
  backup.held_back = true;
  if (!first) return true;
  ++status_.held_back_count;
  event.out.push_back(Notice{id(), Matter::adverts_lost, to_ms(most)});
  return true;
}

void VirtualRouter::on_peer_role(Backup& backup, const PeerRole& peer, Event& event) {
  status_.peer_role = peer;
  if (!backup.held_back || is_held_back(backup, event)) return;
  arm(backup, Duration::zero(), Cause::down_timer, event.now);
}

// Nobody would answer for the addresses: that is left to a third node, if there is one.
void VirtualRouter::defer_takeover(Backup& backup, Event& event) {
  const Cause takeover = backup.takeover;
  arm(backup, active_down(), takeover, event.now);
  if (std::exchange(backup.deferred, true)) return;
  event.out.push_back(Notice{id(), Matter::held_back, to_ms(silent_)});
}

void VirtualRouter::on_control(Backup& backup, Duration silent, Event& event) {
  silent_ = silent;
  if (is_served()) {
    end_yielding(event.now);
    if (std::exchange(backup.deferred, false)) {
      arm(backup, Duration::zero(), backup.takeover, event.now);
    }
  } else if (backup.waiting || backup.probing) {
    backup.probing = false;
    defer_takeover(backup, event);
  }
}

void VirtualRouter::update(Backup& backup, const Settings& old, Event& event) {
  // Version 3 keeps the interval that it learned: the Active's has not changed.
  if (settings_.version == 2) status_.active_adver_interval = settings_.advert_interval;
  if (!same_timing(settings_, old)) arm(backup, active_down(), Cause::down_timer, event.now);
  if (backup.installed && !same_addresses_held(settings_, old)) {
    event.out.push_back(InstallAddresses{id()});
  }
}

void VirtualRouter::become_active(Cause cause, Event& event) {
  if (cause == Cause::down_timer && peer_is_active(event.now))
    event.out.push_back(Notice{id(), Matter::second_active, to_ms(event.now - status_.peer_seen)});
  status_.active_adver_interval = settings_.advert_interval;
  status_.handed_over = yielded_ = false;
  status_.rivals_heard = 0;
  preempt_after_ = kNever;
  Active active;
  active.adver = event.now + rhythm();
  advertise(active, event);
  active.announcer.start(settings_, event.now);
  active.announcer.emit(id(), settings_, event);
  event.out.push_back(InstallAddresses{id()});
  enter(active, cause, event);
}

}  // namespace tandem::vrrp
