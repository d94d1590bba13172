// SPDX-License-Identifier: Apache-2.0
#include "vrrp/virtual_router.hpp"

#include <algorithm>
#include <utility>

#include "base/overloaded.hpp"
#include "vrrp/receive_checks.hpp"

namespace tandem::vrrp {
namespace {

// Trouble that comes and goes is told once in this time.
constexpr Duration kBetweenNotices = std::chrono::seconds(10);

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
  authenticator_->configure(settings_);
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
        delay_takeover(event.now);
        arm(b, active_down(), b.takeover, event.now);
      },
      [&](Backup& b, const Control& i) { on_control(b, i.silent, event); },
      [&](Backup& b, const PeerSays& i) { on_peer_role(b, i.peer, event); },
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
      [&](auto&, const PeerSays& i) { status_.peer_role = i.peer; },
      [&](auto&, Hold) { delay_takeover(event.now); },
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
  if (const auto drop = judge(settings_, source(), received, *authenticator_, event.now)) {
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

// ---- in all states

void VirtualRouter::enter(Phase to, Cause cause, Event& event) {
  const State from = state();
  phase_ = std::move(to);
  status_.cause = cause;
  status_.since = event.now;
  ++status_.transitions;
  const bool named = was_brought_about(cause, status_.peer_seen == event.now);
  event.out.push_back(Transition{id(), from, state(), cause, named ? status_.peer : IpAddress{},
                                 named ? status_.peer_priority : std::uint8_t{0}});
}

void VirtualRouter::delay_takeover(MonotonicTime now) {
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
  authenticator_->configure(settings_);
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

Role VirtualRouter::role() const {
  const bool active = state() == State::active;
  return {state(), handing_over() ? kResignPriority : status_.effective_priority,
          active && is_served()};
}

MonotonicTime VirtualRouter::lease() const {
  const auto* active = std::get_if<Active>(&phase_);
  return active != nullptr ? active->lease : MonotonicTime{};
}

bool VirtualRouter::peer_is_active(MonotonicTime now) const {
  if (!status_.peer_role || !status_.peer_role->role.is_active_and_well()) return false;
  const Duration interval = status_.active_adver_interval;
  const Duration lately = lease_time(interval, settings_.down_adverts) -
                          send_interval(interval, settings_.down_adverts);
  return now - status_.peer_role->as_of < lately;
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
  if (const auto* backup = std::get_if<Backup>(&phase_)) status.held_back = backup->held_back;
  status.lease_deadline = lease();
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
