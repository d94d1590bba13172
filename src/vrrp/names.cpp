// SPDX-License-Identifier: Apache-2.0
// Words for users: states and causes.
#include <cstring>

#include "vrrp/action.hpp"

namespace tandem::vrrp {

const char* to_string(State state) noexcept {
  switch (state) {
    case State::initialize:
      return "Initialize";
    case State::backup:
      return "Backup";
    case State::active:
      return "Active";
    case State::fault:
      return "Fault";
  }
  return "?";
}

const char* to_string(Cause cause) noexcept {
  switch (cause) {
    case Cause::startup:
      return "started";
    case Cause::owner:
      return "address owner (priority 255)";
    case Cause::down_timer:
      return "no advert for Active_Down_Interval";
    case Cause::peer_resigned:
      return "the Active resigned (priority 0)";
    case Cause::higher_priority:
      return "a peer has a higher priority";
    case Cause::address_tie:
      return "a peer has the same priority and a greater address";
    case Cause::tracked_failed:
      return "a tracked check or interface failed";
    case Cause::tracked_recovered:
      return "tracked checks and interfaces recovered";
    case Cause::stalled:
      return "the process stalled until its lease had ended";
    case Cause::handed_over:
      return "handed over to the peer on request";
    case Cause::sync_group:
      return "another member of the sync group moved";
    case Cause::reload:
      return "the configuration changed";
    case Cause::shutdown:
      return "shut down";
    case Cause::preempted:
      return "took over from an Active with a lower priority";
    case Cause::interface_down:
      return "its interface cannot be used: down, without an address or XDP program, or its worker "
             "stands still";
    case Cause::interface_recovered:
      return "its interface recovered";
    case Cause::unsent:
      return "its adverts could not be sent until its lease had ended";
    case Cause::unserved:
      return "the control thread stands still, and the kernel does not have the addresses";
  }
  return "?";
}

const char* to_string(HandoverEnd end) noexcept {
  switch (end) {
    case HandoverEnd::none:
      return "never handed over";
    case HandoverEnd::under_way:
      return "the handover is under way";
    case HandoverEnd::taken:
      return "handed over";
    case HandoverEnd::nobody_took:
      return "no peer took the addresses";
    case HandoverEnd::unfit_peer:
      return "the peer that took the addresses fails, as its priority tells";
    case HandoverEnd::called_off:
      return "the handover was called off";
  }
  return "?";
}

std::string to_string(const Notice& notice) {
  switch (notice.matter) {
    case Matter::adverts_stuck:
      return std::string("adverts cannot be sent: ") +
             std::strerror(static_cast<int>(notice.detail));
    case Matter::adverts_leave:
      return "adverts can be sent again";
    case Matter::nobody_took:
      return std::string("stays Active: ") + to_string(HandoverEnd::nobody_took);
    case Matter::unfit_peer:
      return std::string("stays Active: ") + to_string(HandoverEnd::unfit_peer) + " (" +
             std::to_string(notice.detail) + ")";
    case Matter::stalled:
      return "the process did not run for " + std::to_string(notice.detail) +
             " ms when an advert was due or to be heard";
    case Matter::interval_bounded:
      return "a peer's adverts announce an interval of " + std::to_string(notice.detail) +
             " ms, longer than max_learned_interval, which is used instead";
    case Matter::held_back:
      return "does not take over: the control thread, which gives the kernel the addresses, has "
             "stood still for " +
             std::to_string(notice.detail) + " ms";
    case Matter::unserved:
      return "hands over: the control thread, which hears of checks, has stood still for " +
             std::to_string(notice.detail) + " ms";
    case Matter::adverts_lost:
      return "adverts are lost on the front network: none is heard, and the peer says over the "
             "sync "
             "link that it is Active; waits for " +
             std::to_string(notice.detail) + " ms at most, then takes over";
    case Matter::second_active:
      return "took over although the peer says over the sync link that it is Active, since no "
             "advert "
             "was heard for " +
             std::to_string(notice.detail) + " ms: two nodes are Active";
  }
  return "?";
}

}  // namespace tandem::vrrp
