// SPDX-License-Identifier: Apache-2.0
// What the events of a virtual router are made of: timers, adverts, ways into and out of Active.
#include <algorithm>
#include <chrono>
#include <utility>

#include "vrrp/receive_checks.hpp"
#include "vrrp/timers.hpp"
#include "vrrp/virtual_router.hpp"

namespace tandem::vrrp {
namespace {

// Adverts out of turn answer adverts of others; more of these than that in one interval are a
// flood, or forged, and must not make us flood the network in turn.
constexpr int kAssertsPerInterval = 4;

// How long a peer's low priority is remembered as "lately".
constexpr Duration kLately = std::chrono::seconds(60);

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

void VirtualRouter::count(const wire::ReceivedAdvert& received, MonotonicTime now) {
  const wire::Advert& advert = received.advert;
  ++status_.adverts_received;
  ++status_.adverts_by_checksum[static_cast<std::size_t>(advert.checksum)];
  if (advert.interval != settings_.advert_interval) ++status_.interval_mismatches;
  if (!same_addresses(advert.addresses, settings_.addresses)) ++status_.address_mismatches;
  status_.peer = received.source;
  status_.peer_priority = advert.priority;
  status_.peer_seen = now;
  status_.peer_checksum = advert.checksum;
  if (advert.priority == kResignPriority) return;
  const bool forgotten = now - lowest_peer_seen_ > kLately;
  if (status_.lowest_peer_priority == 0 || forgotten ||
      advert.priority <= status_.lowest_peer_priority) {
    status_.lowest_peer_priority = advert.priority;
    lowest_peer_seen_ = now;
  }
}

// RFC 9568, 6.4.2 and 6.4.3: Active_Adver_Interval is the Active's. Version 2 has no such thing:
// a differing interval was dropped.
void VirtualRouter::learn_interval(const wire::Advert& advert) {
  if (settings_.version == 3) status_.active_adver_interval = advert.interval;
}

// cause: what it will mean when the timer fires.
void VirtualRouter::arm_active_down(Duration delay, Cause cause, MonotonicTime now) {
  timer_ = std::max({now + delay, startup_until_, hold_until_});
  listen_ = std::min(timer_, now + status_.active_adver_interval);
  takeover_cause_ = cause;
  waiting_ = false;
}

// An Active that we leave in place was heard.
void VirtualRouter::accept_active(const wire::Advert& advert, Event& event) {
  learn_interval(advert);
  hold_until_ = {};
  arm_active_down(active_down(), Cause::down_timer, event.now);
  take_installed_off(event);
}

// Whether we would take over from an Active with a lower priority. The owner always would
// (RFC 9568, 6.1, Preempt_Mode), unless an operator handed its addresses over. Called when such
// an Active was heard, which is what preempt_delay counts from.
bool VirtualRouter::preempts(MonotonicTime now) {
  if (status_.handed_over) return false;
  if (is_owner()) return true;
  if (!settings_.preempt) return false;
  if (settings_.preempt_delay == Duration::zero()) return true;
  if (preempt_after_ == kNever) preempt_after_ = now + settings_.preempt_delay;
  return now >= preempt_after_;
}

// RFC 9568, 6.4.3: greater priority, or equal and a greater source address in network order.
bool VirtualRouter::is_superior(const wire::ReceivedAdvert& received) const {
  const std::uint8_t theirs = received.advert.priority;
  const std::uint8_t ours = status_.effective_priority;
  return theirs > ours || (theirs == ours && received.source > source());
}

// Every advert tells the peers to wait for us, and so renews the lease; the lease comes first, so
// that no peer can have heard of one that we do not hold.
void VirtualRouter::send_advert(Event& event) {
  status_.lease_deadline =
      event.now + lease_time(settings_.advert_interval, settings_.down_adverts);
  event.out.push_back(GrantLease{id(), status_.lease_deadline});
  event.out.push_back(SendAdvert{id(), status_.effective_priority});
  ++status_.adverts_sent;
}

// Another node believes, or believed, that it is Active: say who is, and turn the neighbours'
// caches back.
void VirtualRouter::assert_active(Event& event) {
  if (event.now >= asserted_ + settings_.advert_interval / kAssertsPerInterval) {
    asserted_ = event.now;
    send_advert(event);
  }
  announce_again(event);
}

void VirtualRouter::announce_again(Event& event) {
  if (state() != State::active) return;
  announcer_.hint(event.now);
  announce(event);
}

void VirtualRouter::become_active(Cause cause, Event& event) {
  status_.active_adver_interval = settings_.advert_interval;
  status_.handed_over = false;
  preempt_after_ = kNever;
  waiting_ = false;
  installed_early_ = false;
  timer_ = event.now + send_interval(settings_.advert_interval, settings_.down_adverts);
  send_advert(event);
  announcer_.start(settings_, event.now);
  announcer_.emit(id(), settings_, event);
  event.out.push_back(InstallAddresses{id()});
  transition(State::active, cause, event);
}

// say_so: send priority 0, so that the peers need not wait for Active_Down_Interval. Not where a
// better Active is heard already, nor by one that does not know whether it still is the Active.
void VirtualRouter::leave_active(State to, Cause cause, bool say_so, Event& event) {
  status_.lease_deadline = {};
  event.out.push_back(RevokeLease{id()});
  if (say_so && !handing_over_) event.out.push_back(SendAdvert{id(), kResignPriority});
  event.out.push_back(RemoveAddresses{id()});
  announcer_.stop();
  handing_over_ = false;
  if (to == State::backup) arm_active_down(active_down(), Cause::down_timer, event.now);
  transition(to, cause, event);
}

void VirtualRouter::finish_handover(Event& event) {
  if (stopping_) {
    leave_active(State::initialize, Cause::shutdown, false, event);
  } else {
    leave_active(State::backup, Cause::handed_over, false, event);
  }
}

void VirtualRouter::take_installed_off(Event& event) {
  if (std::exchange(installed_early_, false)) event.out.push_back(RemoveAddresses{id()});
}

void VirtualRouter::transition(State to, Cause cause, Event& event) {
  const State from = std::exchange(status_.state, to);
  status_.cause = cause;
  status_.since = event.now;
  ++status_.transitions;
  const bool named = was_brought_about(cause, status_.peer_seen == event.now);
  event.out.push_back(Transition{id(), from, to, cause, named ? status_.peer : IpAddress{},
                                 named ? status_.peer_priority : std::uint8_t{0}});
}

Duration VirtualRouter::active_down() const {
  return active_down_interval(settings_.version, status_.effective_priority,
                              status_.active_adver_interval, settings_.down_adverts);
}

Duration VirtualRouter::skew() const {
  return skew_time(settings_.version, status_.effective_priority, status_.active_adver_interval);
}

MonotonicTime VirtualRouter::deadline() const {
  switch (state()) {
    case State::active:
      return handing_over_ ? status_.lease_deadline : std::min(timer_, announcer_.deadline());
    case State::backup:
      return waiting_ ? kNever : listen_;
    case State::initialize:
    case State::fault:
      break;
  }
  return kNever;
}

Status VirtualRouter::status() const {
  Status status = status_;
  status.configured_priority = settings_.priority;
  status.skew_time = skew();
  status.active_down_interval = active_down();
  status.next_deadline = deadline();
  return status;
}

}  // namespace tandem::vrrp
