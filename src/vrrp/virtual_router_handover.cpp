// SPDX-License-Identifier: Apache-2.0
// A planned handover, from the last advert to the one that took the addresses.
#include "vrrp/virtual_router.hpp"

#include <algorithm>

namespace tandem::vrrp {

// The last advert makes the peers wait for as long as the handover may take, should priority 0 get
// lost.
void VirtualRouter::hand_over(Active& active, bool forced, Event& event) {
  if (!active.handover) {
    advertise(active, event);
    active.handover.emplace();
    bound_handover(active, active.lease);
    event.out.push_back(SendAdvert{id(), kResignPriority});
    active.announcer.stop();
    renew_short_lease(active, event);
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

void VirtualRouter::renew_short_lease(Active& active, Event& event) const {
  const Duration lease = handover_lease(settings_.advert_interval);
  active.lease = std::min(event.now + lease, active.handover->lease);
  active.adver = event.now + lease / 2;
  event.out.push_back(GrantLease{id(), active.lease});
}

void VirtualRouter::continue_handover(Active& active, Event& event) {
  if (event.now < active.handover->until) {
    if (event.now >= active.adver) renew_short_lease(active, event);
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

}  // namespace tandem::vrrp
