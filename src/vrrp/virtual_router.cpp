// SPDX-License-Identifier: Apache-2.0
#include "vrrp/virtual_router.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/overloaded.hpp"
#include "vrrp/receive_checks.hpp"

namespace tandem::vrrp {
namespace {

// Adverts out of turn answer adverts of others; more of these than that in one interval are a
// flood, or forged, and must not make us flood the network in turn.
constexpr int kAssertsPerInterval = 4;

// How often the last advert of one that yielded is said again, within an interval.
constexpr int kFarewells = 2;

// Trouble that comes and goes is told once in this time.
constexpr Duration kBetweenNotices = std::chrono::seconds(10);

// A peer that is master beside this node and drops its adverts may be silent: keepalived begins its
// timer anew with each advert that it drops. So what it said last counts for that long.
constexpr Duration kForgotten = std::chrono::minutes(10);

// How often an Active tries again to send an advert that could not leave.
constexpr int kTriesPerInterval = 4;

std::int64_t to_ms(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

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

// Whether it was an advert that brought this about. A handover can end without one.
bool was_brought_about(Cause cause, bool heard_just_now) {
  switch (cause) {
    case Cause::peer_resigned:
    case Cause::higher_priority:
    case Cause::address_tie:
    case Cause::preempted:
      return true;
    case Cause::handed_over:
      return heard_just_now;
    default:
      return false;
  }
}

}  // namespace

VirtualRouter::VirtualRouter(RouterId id, std::uint16_t interface, const Settings& settings,
                             const IpAddress& link_source, bool link_usable, Failing failing)
    : settings_(settings),
      interface_(interface),
      link_usable_(link_usable),
      link_source_(link_source),
      failing_(std::move(failing)),
      link_was_down_(!link_usable) {
  status_.id = id;
  status_.effective_priority = effective_priority(settings_, failing_);
  status_.active_adver_interval = settings_.advert_interval;
}

// The state machine. A row that leaves its state does so as its last act: the reference to the
// state's data ends with it.
void VirtualRouter::handle(const Input& input, Event& event) {
  check_lease(event);
  using namespace input;
  const auto table = Overloaded{
      [&](Initialize&, const Start& i) { start(i.group_fault, event); },

      [&](Backup& b, const Advert& i) { hear(b, i.received, event); },
      [&](Backup& b, Time) { listen(b, event); },
      [&](Backup& b, Probe) { probe(b, event); },
      [&](Backup& b, const Sent& i) { probed(b, i.error, event); },
      [&](Backup& b, const Update& i) { update(b, adopt(i.settings, i.failing), event); },
      [&](Backup& b, Hold) {
        hold(event.now);
        arm(b, active_down(), b.takeover, event.now);
      },
      [&](Backup& b, const Control& i) { on_control(b, i.silent, event); },
      [&](Backup&, const TakeOver& i) { become_active(i.cause, event); },
      [&](Backup& b, const Review& i) {
        if (!faulty() && !i.group_fault) return;
        uninstall(b, event);
        enter(Fault{}, fault_cause(), event);
      },
      [&](Backup& b, const Resign& i) {
        uninstall(b, event);
        enter(Initialize{}, i.cause, event);
      },
      [&](Backup& b, ShutDown) {
        uninstall(b, event);
        enter(Initialize{}, Cause::shutdown, event);
      },

      [&](Active& a, const Advert& i) { hear(a, i.received, event); },
      [&](Active& a, Time) { advertise_in_turn(a, event); },
      [&](Active& a, const Sent& i) { sent(a, i.error, event); },
      [&](Active& a, AnnounceDue) { announce(a, event); },
      [&](Active& a, AnnounceAgain) { announce_again(a, event); },
      [&](Active& a, const Track& i) {
        if (track(i, event.now) && !a.handover && !faulty()) advertise(a, event);
      },
      [&](Active& a, const Update& i) {
        const std::uint8_t priority = status_.effective_priority;
        const Settings old = adopt(i.settings, i.failing);
        update(a, old, priority != status_.effective_priority, event);
      },
      [&](Active& a, const Review& i) {
        if ((!faulty() && !i.group_fault) || (a.handover && a.handover->stopping)) return;
        leave_active(Fault{}, fault_cause(), farewell(), event);
      },
      [&](Active& a, const Control& i) { on_control(a, i.silent, event); },
      [&](Active& a, Installed) { a.installed = true; },
      [&](Active& a, const HandOver& i) { hand_over(a, i.forced, event); },
      [&](Active& a, TakeBack) { keep(a, HandoverEnd::called_off, event); },
      [&](Active& a, ShutDown) {
        hand_over(a, true, event);
        a.handover->stopping = true;
      },
      [&](Active&, const Resign& i) { leave_active(Initialize{}, i.cause, farewell(), event); },
      [&](Active& a, StepDown) {
        if (a.handover) return;
        leave_active(yielding_backup(event.now), Cause::sync_group, Farewell::resignation, event);
      },

      [&](Fault&, const Review& i) {
        if (faulty() || i.group_fault) {
          status_.cause = fault_cause();
        } else {
          preempt_after_ = kNever;
          wait_after_link_up(event.now);
          wait_for_backends(event.now);
          start_election(recovery_of(status_.cause), event);
        }
      },
      [&](Fault&, const Resign& i) { enter(Initialize{}, i.cause, event); },
      [&](Fault&, ShutDown) { enter(Initialize{}, Cause::shutdown, event); },

      // In every other state:
      [&](auto&, const Track& i) { track(i, event.now); },
      [&](auto&, const Update& i) { adopt(i.settings, i.failing); },
      [&](auto&, const Control& i) {
        silent_ = i.silent;
        if (is_served()) end_yielding(event.now);
      },
      [&](auto&, Hold) { hold(event.now); },
      [&](auto&, TakeBack) { take_back(event.now); },
      [](auto&, const auto&) {},
  };
  std::visit(table, phase_, input);
}

// The lease ended although adverts were due: we did not run, or none could leave. A peer may be
// Active.
void VirtualRouter::check_lease(Event& event) {
  Active* const active = std::get_if<Active>(&phase_);
  if (active == nullptr) return;
  if (active->handover) {
    // Whoever took the addresses may not have been read yet, but we do not know.
    const Duration late = event.now - active->handover->lease;
    if (late > stall_limit(settings_.advert_interval)) finish_handover(*active, event);
  } else if (event.now > active->lease) {
    const Duration late = event.now - active->adver;
    const bool stalled = !blocked();
    Backup backup = new_backup(event.now);
    backup.began_anew = stalled;
    leave_active(backup, stalled ? Cause::stalled : Cause::unsent, Farewell::none, event);
    if (stalled) note_stall(late, event);
  }
}

std::optional<wire::AdvertDrop> VirtualRouter::hear(const wire::ReceivedAdvert& received,
                                                    Event& event) {
  check_lease(event);  // before the advert's sender is taken for the cause of what happened
  if (const auto drop = judge(settings_, source(), received)) {
    status_.count_drop(*drop, received.source, event.now);
    return drop;
  }
  status_.count(received, settings_, event.now);
  handle(input::Advert{received}, event);
  return std::nullopt;
}

void VirtualRouter::on_interface(bool usable, const IpAddress& source) {
  link_usable_ = usable;
  link_source_ = source;
  link_was_down_ = link_was_down_ || !usable;
}

void VirtualRouter::set_group(SyncGroup* group) {
  group_ = group;
  if (auto* backup = std::get_if<Backup>(&phase_)) backup->waiting = false;
}

// ---- Initialize

void VirtualRouter::start(bool group_fault, Event& event) {
  startup_until_ = event.now + settings_.startup_delay;
  status_.handed_over = settings_.starts_handed_over;
  wait_for_backends(event.now);
  if (settings_.preempt_delay > Duration::zero()) {
    preempt_after_ = event.now + settings_.preempt_delay;
  }
  if (faulty() || group_fault) {
    enter(Fault{}, fault_cause(), event);
  } else {
    start_election(Cause::startup, event);
  }
}

// A switch may not forward yet, although the link is up: whoever is Active cannot be heard.
void VirtualRouter::wait_after_link_up(MonotonicTime now) {
  if (!std::exchange(link_was_down_, false)) return;
  startup_until_ =
      std::max(startup_until_, now + std::max(settings_.startup_delay, settings_.link_up_delay));
}

// RFC 9568, 6.4.1, and again when a Fault is over.
void VirtualRouter::start_election(Cause cause, Event& event) {
  status_.active_adver_interval = settings_.advert_interval;
  if (!is_owner() || status_.handed_over || is_not_ready(event.now) || !is_served()) {
    enter(new_backup(event.now), cause, event);
  } else if (group_ != nullptr || event.now < startup_until_) {
    Backup backup;
    arm(backup, Duration::zero(), Cause::owner, event.now);
    enter(backup, cause, event);
  } else {
    become_active(cause == Cause::startup ? Cause::owner : cause, event);
  }
}

// ---- Backup

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
  backup.waiting = backup.settling = false;
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
  backup.began_anew = backup.held_back = false;
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
    hold_back(backup, event);
  } else if (backup.takeover == Cause::preempted && is_not_ready(event.now)) {
    // It was when the Active was last heard. What is left is silence.
    const Duration left = status_.peer_seen + active_down() - event.now;
    arm(backup, std::max(left, Duration::zero()), Cause::down_timer, event.now);
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

// Nobody would answer for the addresses: that is left to a third node, if there is one.
void VirtualRouter::hold_back(Backup& backup, Event& event) {
  const Cause takeover = backup.takeover;
  arm(backup, active_down(), takeover, event.now);
  if (std::exchange(backup.held_back, true)) return;
  event.out.push_back(Notice{id(), Matter::held_back, to_ms(silent_)});
}

void VirtualRouter::on_control(Backup& backup, Duration silent, Event& event) {
  silent_ = silent;
  if (is_served()) {
    end_yielding(event.now);
    if (std::exchange(backup.held_back, false)) {
      arm(backup, Duration::zero(), backup.takeover, event.now);
    }
  } else if (backup.waiting || backup.probing) {
    backup.probing = false;
    hold_back(backup, event);
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

// ---- Active

// RFC 9568, 6.4.3.
void VirtualRouter::hear(Active& active, const wire::ReceivedAdvert& received, Event& event) {
  const wire::Advert& advert = received.advert;
  if (active.handover) {
    if (advert.priority == kResignPriority) return;
    if (!active.handover->forced && is_unfit(advert)) {
      return keep(active, HandoverEnd::unfit_peer, event);
    }
    learn_interval(advert, event);
    taker_priority_ = advert.priority;
    finish_handover(active, event);
  } else if (advert.priority == kResignPriority) {
    assert_active(active, event);
    active.adver = event.now + rhythm();
  } else if (is_superior(received)) {
    learn_interval(advert, event);
    const bool tie = advert.priority == status_.effective_priority;
    Backup backup = yielding_backup(event.now);
    backup.farewell = event.now + between_farewells();
    leave_active(backup, tie ? Cause::address_tie : Cause::higher_priority, Farewell::last_advert,
                 event);
  } else {
    ++status_.rivals_heard;
    // RFC 3768, 6.4.3: no advert, but its announcements did harm.
    if (settings_.version == 2) return announce_again(active, event);
    assert_active(active, event);
  }
}

// RFC 9568, 6.4.3: greater priority, or equal and a greater source address in network order.
bool VirtualRouter::is_superior(const wire::ReceivedAdvert& received) const {
  const std::uint8_t theirs = received.advert.priority;
  const std::uint8_t ours = status_.effective_priority;
  return theirs > ours || (theirs == ours && received.source > source());
}

// Lateness does not add up, unless a whole advert was missed.
void VirtualRouter::advertise_in_turn(Active& active, Event& event) {
  if (active.handover) return continue_handover(active, event);
  if (event.now < active.adver) return;
  active.adver = (event.now - active.adver < rhythm() ? active.adver : event.now) + rhythm();
  if (event.now - status_.peer_seen > kForgotten) status_.addresses_differ = false;
  if (event.now - status_.peer_seen > active_down()) status_.rivals_heard = 0;
  advertise(active, event);
}

// Every advert tells the peers to wait for us, and so renews the lease; the lease comes first, so
// that no peer can have heard of one that we do not hold.
void VirtualRouter::advertise(Active& active, Event& event) {
  active.lease = event.now + lease_time(settings_.advert_interval, settings_.down_adverts);
  event.out.push_back(GrantLease{id(), active.lease});
  event.out.push_back(SendAdvert{id(), status_.effective_priority});
  ++status_.adverts_sent;
}

// Without an advert that left nobody waits for us, and the lease is not ours.
void VirtualRouter::sent(Active& active, int error, Event& event) {
  note_sent(error, event);
  if (error == 0) {
    active.confirmed = active.handover ? active.handover->lease : active.lease;
    return;
  }
  active.lease = active.confirmed;
  if (active.handover) bound_handover(active, active.confirmed);
  if (active.lease <= event.now) {
    leave_active(new_backup(event.now), Cause::unsent, Farewell::none, event);
    return;
  }
  event.out.push_back(GrantLease{id(), active.lease});
  active.adver = std::min(active.adver, event.now + rhythm() / kTriesPerInterval);
}

// Another node believes, or believed, that it is Active: say who is, and turn the neighbours'
// caches back.
void VirtualRouter::assert_active(Active& active, Event& event) {
  if (event.now >= active.asserted + settings_.advert_interval / kAssertsPerInterval) {
    active.asserted = event.now;
    advertise(active, event);
  }
  announce_again(active, event);
}

void VirtualRouter::announce(Active& active, Event& event) const {
  if (!active.handover) active.announcer.emit(id(), settings_, event);
}

void VirtualRouter::announce_again(Active& active, Event& event) const {
  active.announcer.hint(event.now);
  announce(active, event);
}

void VirtualRouter::update(Active& active, const Settings& old, bool new_priority, Event& event) {
  if (active.handover) return;
  const bool new_timing = !same_timing(settings_, old);
  const bool new_addresses = !same_addresses_held(settings_, old);
  status_.active_adver_interval = settings_.advert_interval;
  if (rhythm() != send_interval(old.advert_interval, old.down_adverts)) {
    active.adver = event.now + rhythm();
  }
  if (new_priority || new_timing || new_addresses) advertise(active, event);
  if (new_addresses || settings_.garp_refresh != old.garp_refresh) {
    active.announcer.start(settings_, event.now);
  }
  announce(active, event);
  if (new_addresses) event.out.push_back(InstallAddresses{id()});
}

void VirtualRouter::on_control(Active& active, Duration silent, Event& event) {
  silent_ = silent;
  if (is_served()) {
    if (std::exchange(yielded_, false)) keep(active, HandoverEnd::called_off, event);
  } else if (active.handover) {
    return;
  } else if (!active.installed) {
    leave_active(new_backup(event.now), Cause::unserved, Farewell::resignation, event);
  } else if (silent >= kUnservedHandover && event.now >= yield_after_) {
    yield_after_ = event.now + kBetweenUnservedHandovers;
    event.out.push_back(Notice{id(), Matter::unserved, to_ms(silent)});
    hand_over(active, false, event);
    yielded_ = true;
  }
}

// The last advert makes the peers wait for as long as the handover may take, should priority 0 get
// lost.
void VirtualRouter::hand_over(Active& active, bool forced, Event& event) {
  if (!active.handover) {
    advertise(active, event);
    active.handover.emplace();
    bound_handover(active, active.lease);
    event.out.push_back(SendAdvert{id(), kResignPriority});
    active.announcer.stop();
    hold_on(active, event);
    status_.handed_over = true;
    status_.handover = HandoverEnd::under_way;
    taker_priority_ = 0;
  }
  active.handover->forced = active.handover->forced || forced;
}

// So early that the next advert leaves before the lease ends, if it is to go on.
void VirtualRouter::bound_handover(Active& active, MonotonicTime lease) const {
  active.handover->lease = lease;
  active.handover->until = lease - handover_lease(settings_.advert_interval) / 2;
}

void VirtualRouter::hold_on(Active& active, Event& event) const {
  const Duration lease = handover_lease(settings_.advert_interval);
  active.lease = std::min(event.now + lease, active.handover->lease);
  active.adver = event.now + lease / 2;
  event.out.push_back(GrantLease{id(), active.lease});
}

void VirtualRouter::continue_handover(Active& active, Event& event) {
  if (event.now < active.handover->until) {
    if (event.now >= active.adver) hold_on(active, event);
  } else if (active.handover->forced) {
    finish_handover(active, event);
  } else {
    keep(active, HandoverEnd::nobody_took, event);
  }
}

// A stop that nobody answered says once more that we go: the first word may have been lost.
void VirtualRouter::finish_handover(const Active& active, Event& event) {
  status_.handover = HandoverEnd::taken;
  const bool answered = status_.peer_seen == event.now;
  if (active.handover->stopping) {
    leave_active(Initialize{}, Cause::shutdown, answered ? Farewell::none : Farewell::resignation,
                 event);
  } else {
    leave_active(new_backup(event.now), Cause::handed_over, Farewell::none, event);
  }
}

// The handover comes to nothing: Active as before, and the neighbours are told so.
void VirtualRouter::keep(Active& active, HandoverEnd why, Event& event) {
  if (!active.handover || active.handover->stopping) return;
  active.handover.reset();
  status_.handed_over = yielded_ = false;
  status_.handover = why;
  active.adver = event.now + rhythm();
  advertise(active, event);
  active.announcer.start(settings_, event.now);
  announce(active, event);
  if (why == HandoverEnd::called_off) return;
  const bool unfit = why == HandoverEnd::unfit_peer;
  event.out.push_back(Notice{id(), unfit ? Matter::unfit_peer : Matter::nobody_took,
                             unfit ? status_.peer_priority : 0});
}

// Whether its priority tells that something fails at the peer: it had a higher one before, or one
// that even this node's failing checks would not give way to. A peer that we would have to yield
// to is fit whatever it was.
bool VirtualRouter::is_unfit(const wire::Advert& advert) const {
  if (advert.priority >= status_.effective_priority) return false;
  if (advert.priority < status_.highest_peer_priority) return true;
  const auto lowest = lowest_priority(settings_);
  return lowest && *lowest < status_.effective_priority && advert.priority < *lowest;
}

// resignation: priority 0, so that the peers need not wait for Active_Down_Interval. Not where a
// better Active is heard already, nor by one that does not know whether it still is the Active.
template <class To>
void VirtualRouter::leave_active(To to, Cause cause, Farewell farewell, Event& event) {
  event.out.push_back(RevokeLease{id()});
  if (farewell == Farewell::resignation) {
    event.out.push_back(SendAdvert{id(), kResignPriority});
  } else if (farewell == Farewell::last_advert) {
    event.out.push_back(SendAdvert{id(), status_.effective_priority});
  }
  event.out.push_back(RemoveAddresses{id()});
  enter(to, cause, event);
}

// ---- in all states

template <class To>
void VirtualRouter::enter(To to, Cause cause, Event& event) {
  const State from = state();
  phase_ = to;
  status_.cause = cause;
  status_.since = event.now;
  ++status_.transitions;
  const bool named = was_brought_about(cause, status_.peer_seen == event.now);
  event.out.push_back(Transition{id(), from, state(), cause, named ? status_.peer : IpAddress{},
                                 named ? status_.peer_priority : std::uint8_t{0}});
}

void VirtualRouter::hold(MonotonicTime now) {
  hold_until_ = now + active_down() + settings_.down_adverts * status_.active_adver_interval;
}

// What was given away because the control thread stood still may be taken back when it runs again.
void VirtualRouter::end_yielding(MonotonicTime now) {
  if (std::exchange(yielded_, false)) take_back(now);
}

void VirtualRouter::take_back(MonotonicTime now) {
  if (!std::exchange(status_.handed_over, false)) return;
  status_.handover = HandoverEnd::called_off;
  if (settings_.preempt_delay > Duration::zero()) preempt_after_ = now;
}

// Returns the settings that were.
Settings VirtualRouter::adopt(const Settings& settings, const Failing& failing) {
  failing_ = failing;
  status_.addresses_differ = false;  // the next advert tells
  Settings old = std::exchange(settings_, settings);
  refresh_priority();
  return old;
}

// true: the effective priority is another one.
bool VirtualRouter::track(const input::Track& input, MonotonicTime now) {
  for (std::size_t i = 0; i < settings_.tracked.size(); ++i) {
    if (settings_.tracked[i].source != input.source) continue;
    if (failing_[i] && input.up) wait_for_backends(now);
    failing_[i] = !input.up;
  }
  return refresh_priority();
}

bool VirtualRouter::refresh_priority() {
  const std::uint8_t priority = effective_priority(settings_, failing_);
  return priority != std::exchange(status_.effective_priority, priority);
}

void VirtualRouter::note_sent(int error, Event& event) {
  status_.send_error = error;
  if (error != 0) {
    --status_.adverts_sent;
    ++status_.adverts_unsent;
    if (stuck_told_ || event.now < tell_stuck_after_) return;
    stuck_told_ = true;
    tell_stuck_after_ = event.now + kBetweenNotices;
    event.out.push_back(Notice{id(), Matter::adverts_stuck, error});
  } else if (std::exchange(stuck_told_, false)) {
    event.out.push_back(Notice{id(), Matter::adverts_leave, 0});
  }
}

void VirtualRouter::note_stall(Duration late, Event& event) {
  ++status_.stalls;
  status_.longest_stall = std::max(status_.longest_stall, late);
  if (event.now < tell_stall_after_) return;
  tell_stall_after_ = event.now + kBetweenNotices;
  event.out.push_back(Notice{id(), Matter::stalled, to_ms(late)});
}

// RFC 9568, 6.4.2 and 6.4.3: Active_Adver_Interval is the Active's. It is bounded, since one advert
// that somebody forged could else keep us waiting for two minutes. Version 2 has no such thing: a
// differing interval was dropped.
void VirtualRouter::learn_interval(const wire::Advert& advert, Event& event) {
  if (settings_.version != 3) return;
  const Duration most = settings_.longest_learned_interval();
  const bool bounded = advert.interval > most;
  status_.active_adver_interval = bounded ? most : advert.interval;
  status_.unlearned_interval = bounded ? advert.interval : Duration{};
  if (!bounded || event.now < tell_bound_after_) return;
  tell_bound_after_ = event.now + kBetweenNotices;
  event.out.push_back(Notice{id(), Matter::interval_bounded, to_ms(advert.interval)});
}

// Why it is, or would be, in Fault.
Cause VirtualRouter::fault_cause() const {
  if (!usable()) return Cause::interface_down;
  return faulty() ? Cause::tracked_failed : Cause::sync_group;
}

// An address that was just lost can still be the source of a farewell.
VirtualRouter::Farewell VirtualRouter::farewell() const {
  return link_usable_ ? Farewell::resignation : Farewell::none;
}

Duration VirtualRouter::rhythm() const {
  return send_interval(settings_.advert_interval, settings_.down_adverts);
}

Duration VirtualRouter::between_farewells() const {
  return settings_.advert_interval / (kFarewells + 2);
}

Duration VirtualRouter::active_down() const {
  return active_down_interval(settings_.version, status_.effective_priority,
                              status_.active_adver_interval, settings_.down_adverts);
}

Duration VirtualRouter::skew() const {
  return skew_time(settings_.version, status_.effective_priority, status_.active_adver_interval);
}

bool VirtualRouter::handing_over() const {
  const auto* active = std::get_if<Active>(&phase_);
  return active != nullptr && active->handover.has_value();
}

std::optional<Cause> VirtualRouter::waiting() const {
  const auto* backup = std::get_if<Backup>(&phase_);
  return backup != nullptr && backup->waiting ? std::optional(backup->takeover) : std::nullopt;
}

MonotonicTime VirtualRouter::deadline() const {
  return std::visit(Overloaded{[](const Backup& backup) { return backup.deadline(); },
                               [](const Active& active) { return active.deadline(); },
                               [](const auto&) { return kNever; }},
                    phase_);
}

Status VirtualRouter::status() const {
  Status status = status_;
  status.state = state();
  if (const auto* active = std::get_if<Active>(&phase_)) status.lease_deadline = active->lease;
  status.configured_priority = settings_.priority;
  const bool would_preempt = state() == State::backup && settings_.preempt &&
                             !status_.handed_over && status_.peer_priority != 0 &&
                             status_.peer_priority < status_.effective_priority;
  status.waits_for_flows = would_preempt && lacks_flows();
  status.waits_for_backends = would_preempt && !backends_up_ && status_.peer_seen < backends_until_;
  status.skew_time = skew();
  status.active_down_interval = active_down();
  status.next_deadline = deadline();
  return status;
}

}  // namespace tandem::vrrp
