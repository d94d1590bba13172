// SPDX-License-Identifier: Apache-2.0
// Events: each is one switch on the state. What they are made of is in virtual_router_moves.cpp.
#include "vrrp/virtual_router.hpp"

#include <algorithm>
#include <utility>

#include "vrrp/receive_checks.hpp"
#include "vrrp/timers.hpp"

namespace tandem::vrrp {
namespace {

Cause recovery_of(Cause fault) {
  switch (fault) {
    case Cause::interface_down:
      return Cause::interface_recovered;
    case Cause::tracked_failed:
      return Cause::tracked_recovered;
    default:
      return Cause::sync_group;
  }
}

}  // namespace

VirtualRouter::VirtualRouter(RouterId id, std::uint16_t interface, const Settings& settings,
                             const IpAddress& link_source, bool link_usable, Failing failing)
    : settings_(settings),
      interface_(interface),
      link_usable_(link_usable),
      link_source_(link_source),
      failing_(std::move(failing)) {
  status_.id = id;
  status_.effective_priority = effective_priority(settings_, failing_);
  status_.active_adver_interval = settings_.advert_interval;
}

void VirtualRouter::start(bool group_fault, Event& event) {
  startup_until_ = event.now + settings_.startup_delay;
  if (settings_.preempt_delay > Duration::zero()) {
    preempt_after_ = event.now + settings_.preempt_delay;
  }
  if (faulty() || group_fault) {
    transition(State::fault, fault_cause(), event);
  } else {
    start_election(Cause::startup, event);
  }
}

// RFC 9568, 6.4.1, and again when a Fault is over.
void VirtualRouter::start_election(Cause cause, Event& event) {
  status_.active_adver_interval = settings_.advert_interval;
  if (!is_owner() || status_.handed_over) {
    arm_active_down(active_down(), Cause::down_timer, event.now);
    transition(State::backup, cause, event);
  } else if (group_ != nullptr || event.now < startup_until_) {
    arm_active_down(Duration::zero(), Cause::owner, event.now);
    transition(State::backup, cause, event);
  } else {
    become_active(cause == Cause::startup ? Cause::owner : cause, event);
  }
}

// The lease ended although adverts were due: we did not run, and a peer may be Active.
void VirtualRouter::check_lease(Event& event) {
  if (state() != State::active) return;
  if (handing_over_) {
    if (event.now >= status_.lease_deadline) finish_handover(event);
  } else if (event.now > status_.lease_deadline) {
    leave_active(State::backup, Cause::stalled, false, event);
  }
}

std::optional<wire::AdvertDrop> VirtualRouter::on_advert(const wire::ReceivedAdvert& received,
                                                         Event& event) {
  if (const auto drop = judge(settings_, source(), received)) {
    ++status_.dropped[static_cast<std::size_t>(*drop)];
    return drop;
  }
  count(received, event.now);
  switch (state()) {
    case State::backup:
      advert_as_backup(received, event);
      break;
    case State::active:
      advert_as_active(received, event);
      break;
    case State::initialize:
    case State::fault:
      break;
  }
  return std::nullopt;
}

// RFC 9568, 6.4.2.
void VirtualRouter::advert_as_backup(const wire::ReceivedAdvert& received, Event& event) {
  const wire::Advert& advert = received.advert;
  if (advert.priority == kResignPriority) {
    peer_resigned(event);
  } else if (advert.priority >= status_.effective_priority || !preempts(event.now)) {
    // An equal or better Active ends what a lower one began.
    if (advert.priority >= status_.effective_priority) preempt_after_ = kNever;
    accept_active(advert, event);
  } else if (takeover_cause_ == Cause::down_timer) {
    takeover_cause_ = Cause::preempted;  // discarded: the timer runs on
  }
}

// The kernel gets the addresses now: it takes longer than the first advert, and nobody is asked
// through the kernel's copy as long as we hold no lease.
void VirtualRouter::peer_resigned(Event& event) {
  arm_active_down(skew(), Cause::peer_resigned, event.now);
  if (installed_early_ || !may_follow(event.now)) return;
  installed_early_ = true;
  event.out.push_back(InstallAddresses{id()});
}

// RFC 9568, 6.4.3.
void VirtualRouter::advert_as_active(const wire::ReceivedAdvert& received, Event& event) {
  const wire::Advert& advert = received.advert;
  if (handing_over_) {
    if (advert.priority == kResignPriority) return;
    learn_interval(advert);
    finish_handover(event);
  } else if (advert.priority == kResignPriority) {
    assert_active(event);
    timer_ = event.now + send_interval(settings_.advert_interval, settings_.down_adverts);
  } else if (is_superior(received)) {
    learn_interval(advert);
    leave_active(
        State::backup,
        advert.priority > status_.effective_priority ? Cause::higher_priority : Cause::address_tie,
        false, event);
  } else if (settings_.version == 2) {
    announcer_.hint(event.now);  // RFC 3768, 6.4.3: no advert, but its announcements did harm
    announce(event);
  } else {
    assert_active(event);
  }
}

void VirtualRouter::on_time(Event& event) {
  switch (state()) {
    case State::backup:
      time_as_backup(event);
      break;
    case State::active:
      time_as_active(event);
      break;
    case State::initialize:
    case State::fault:
      break;
  }
}

void VirtualRouter::time_as_backup(Event& event) {
  if (waiting_ || event.now < listen_) return;
  if (event.now - listen_ > stall_limit(status_.active_adver_interval)) {
    arm_active_down(active_down(), Cause::down_timer, event.now);
  } else if (event.now < timer_) {
    listen_ = std::min(timer_, event.now + status_.active_adver_interval);
  } else if (group_ != nullptr) {
    waiting_ = true;
  } else {
    become_active(takeover_cause_, event);
  }
}

// Lateness does not add up, unless a whole advert was missed.
void VirtualRouter::time_as_active(Event& event) {
  if (handing_over_ || event.now < timer_) return;
  const Duration interval = send_interval(settings_.advert_interval, settings_.down_adverts);
  timer_ = (event.now - timer_ < interval ? timer_ : event.now) + interval;
  send_advert(event);
}

void VirtualRouter::announce(Event& event) {
  if (state() == State::active && !handing_over_) announcer_.emit(id(), settings_, event);
}

void VirtualRouter::on_interface(bool usable, const IpAddress& source) {
  link_usable_ = usable;
  link_source_ = source;
}

void VirtualRouter::on_track(std::uint16_t source, bool up, Event& event) {
  for (std::size_t i = 0; i < settings_.tracked.size(); ++i) {
    if (settings_.tracked[i].source == source) failing_[i] = !up;
  }
  refresh_priority(event);
}

void VirtualRouter::refresh_priority(Event& event) {
  const std::uint8_t priority = effective_priority(settings_, failing_);
  if (priority == std::exchange(status_.effective_priority, priority)) return;
  if (state() == State::active && !handing_over_ && !faulty()) send_advert(event);
}

void VirtualRouter::update(const Settings& settings, Failing failing, Event& event) {
  const Settings old = std::exchange(settings_, settings);
  failing_ = std::move(failing);
  const std::uint8_t priority = effective_priority(settings_, failing_);
  const bool new_timing = settings_.advert_interval != old.advert_interval ||
                          settings_.down_adverts != old.down_adverts;
  const bool new_addresses =
      settings_.addresses != old.addresses || settings_.unadvertised != old.unadvertised;
  const bool new_advert = priority != status_.effective_priority || new_timing || new_addresses;
  const bool new_schedule = new_addresses || settings_.garp_refresh != old.garp_refresh;
  status_.effective_priority = priority;

  if (state() == State::active && !handing_over_) {
    status_.active_adver_interval = settings_.advert_interval;
    const Duration rhythm = send_interval(settings_.advert_interval, settings_.down_adverts);
    if (rhythm != send_interval(old.advert_interval, old.down_adverts)) timer_ = event.now + rhythm;
    if (new_advert) send_advert(event);
    if (new_schedule) announcer_.restart(settings_, event.now);
    announce(event);
    if (new_addresses) event.out.push_back(InstallAddresses{id()});
  } else if (state() == State::backup) {
    // Version 3 keeps the interval that it learned: the Active's has not changed.
    if (settings_.version == 2) status_.active_adver_interval = settings_.advert_interval;
    if (new_timing) arm_active_down(active_down(), Cause::down_timer, event.now);
    if (new_addresses && installed_early_) event.out.push_back(InstallAddresses{id()});
  }
}

// Why it is, or would be, in Fault.
Cause VirtualRouter::fault_cause() const {
  if (!usable()) return Cause::interface_down;
  return faulty() ? Cause::tracked_failed : Cause::sync_group;
}

void VirtualRouter::review(bool group_fault, Event& event) {
  if (state() == State::initialize || stopping_) return;
  const Cause cause = fault_cause();
  if (faulty() || group_fault) {
    if (state() == State::active) {
      leave_active(State::fault, cause, usable(), event);
    } else if (state() == State::backup) {
      take_installed_off(event);
      transition(State::fault, cause, event);
    } else {
      status_.cause = cause;
    }
  } else if (state() == State::fault) {
    preempt_after_ = kNever;
    start_election(recovery_of(status_.cause), event);
  }
}

// The last advert gives the lease its full length, so that it outlasts the peer's Skew_Time.
void VirtualRouter::hand_over(Event& event) {
  if (state() != State::active || handing_over_) return;
  send_advert(event);
  event.out.push_back(SendAdvert{id(), kResignPriority});
  announcer_.stop();
  handing_over_ = true;
  status_.handed_over = true;
}

void VirtualRouter::take_back(MonotonicTime now) {
  status_.handed_over = false;
  if (settings_.preempt_delay > Duration::zero()) preempt_after_ = now;
}

void VirtualRouter::shut_down(Event& event) {
  if (state() == State::active) {
    hand_over(event);
    stopping_ = true;
  } else {
    resign(Cause::shutdown, event);
  }
}

void VirtualRouter::resign(Cause cause, Event& event) {
  if (state() == State::active) {
    leave_active(State::initialize, cause, usable(), event);
  } else if (state() != State::initialize) {
    take_installed_off(event);
    transition(State::initialize, cause, event);
  }
}

void VirtualRouter::take_over(Cause cause, Event& event) {
  if (state() == State::backup) become_active(cause, event);
}

void VirtualRouter::step_down(Event& event) {
  if (state() == State::active && !handing_over_) {
    leave_active(State::backup, Cause::sync_group, true, event);
  }
}

void VirtualRouter::hold(MonotonicTime now) {
  hold_until_ = now + active_down() + status_.active_adver_interval;
  if (state() == State::backup) arm_active_down(active_down(), takeover_cause_, now);
}

}  // namespace tandem::vrrp
