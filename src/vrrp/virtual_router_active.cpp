// SPDX-License-Identifier: Apache-2.0
// What a virtual router does as Active: the rows of Active in VirtualRouter::handle().
#include "vrrp/virtual_router.hpp"

#include <algorithm>
#include <utility>

namespace tandem::vrrp {
namespace {

// Adverts out of turn answer adverts of others; more of these than that in one interval are a
// flood, or forged, and must not make us flood the network in turn.
constexpr int kAssertsPerInterval = 4;

// A peer that is master beside this node and drops its adverts may be silent: keepalived begins its
// timer anew with each advert that it drops. So what it said last counts for that long.
constexpr Duration kForgotten = std::chrono::minutes(10);

// How often an Active tries again to send an advert that could not leave.
constexpr int kTriesPerInterval = 4;

}  // namespace

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

// The next advert is due an interval after the last one was due, so that delays do not add up; after
// a missed one, an interval from now.
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

// resignation: priority 0, so that the peers need not wait for Active_Down_Interval. Not where a
// better Active is heard already, nor by one that does not know whether it still is the Active.
void VirtualRouter::leave_active(Phase to, Cause cause, Farewell farewell, Event& event) {
  event.out.push_back(RevokeLease{id()});
  if (farewell == Farewell::resignation) {
    event.out.push_back(SendAdvert{id(), kResignPriority});
  } else if (farewell == Farewell::last_advert) {
    event.out.push_back(SendAdvert{id(), status_.effective_priority});
  }
  event.out.push_back(RemoveAddresses{id()});
  enter(std::move(to), cause, event);
}

}  // namespace tandem::vrrp
