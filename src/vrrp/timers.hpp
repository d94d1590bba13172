// SPDX-License-Identifier: Apache-2.0
// The arithmetic of VRRP's timers, in nanoseconds. Whole centiseconds, as the text of RFC 9568
// counts them, would cut Skew_Time to 0 at an interval of 10 ms: all Backups would be equal.
//
// Timers of a virtual router (virtual_router.hpp), by the event that arms them:
//   Adver_Timer         becoming Active, and each time it fires: the next advert is due
//   Active_Down_Timer   becoming Backup, and each acceptable advert: the Active is given up
//   listening mark      with Active_Down_Timer: the process must have run by then, or it stalled
//   lease deadline      each advert sent: until then this node may answer for the addresses. It wakes
//                       nobody: packets are compared with it, and so is the router's next event
//   end of a handover   priority 0 sent: by then a peer has taken the addresses, or nobody does
//   startup delay, preempt delay, hold of a sync group: instants before which it stays Backup
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.hpp"

namespace tandem::vrrp {

// How long a Backup waits beyond the adverts it missed: the higher its priority, the shorter.
// Version 2 does not scale it by the interval (RFC 3768, 6.1); version 3 does (RFC 9568, 6.1).
[[nodiscard]] constexpr Duration skew_time(std::uint8_t version, std::uint8_t priority,
                                           Duration active_adver_interval) noexcept {
  const Duration scale = version == 2 ? Duration(std::chrono::seconds(1)) : active_adver_interval;
  return (256 - priority) * scale / 256;
}

// How long a Backup hears nothing until it holds the Active for dead: RFC 9568, 6.1
// (Active_Down_Interval) and RFC 3768, 6.1 (Master_Down_Interval) with down_adverts = 3.
[[nodiscard]] constexpr Duration active_down_interval(std::uint8_t version, std::uint8_t priority,
                                                      Duration active_adver_interval,
                                                      int down_adverts) noexcept {
  return down_adverts * active_adver_interval + skew_time(version, priority, active_adver_interval);
}

// How long one advert lets its sender answer for the addresses: as long as every peer that heard
// it still waits, whatever its priority. Hence without Skew_Time.
[[nodiscard]] constexpr Duration lease_time(Duration advert_interval, int down_adverts) noexcept {
  return down_adverts * advert_interval;
}

// How long a lease lasts while the addresses are handed over, renewed each half of it. A peer may
// take them at any moment then, and if this process is killed meanwhile two nodes must not answer.
[[nodiscard]] constexpr Duration handover_lease(Duration advert_interval) noexcept {
  using std::chrono::milliseconds;
  return std::clamp<Duration>(advert_interval / 4, milliseconds(20), milliseconds(100));
}

// How often an Active sends adverts. With down_adverts = 1 the lease lasts one interval only, so
// that it has to be renewed before the interval is over; otherwise it would lapse with each advert.
[[nodiscard]] constexpr Duration send_interval(Duration advert_interval,
                                               int down_adverts) noexcept {
  return down_adverts == 1 ? advert_interval / 2 : advert_interval;
}

// A process that runs this late after an instant it wanted to be woken at has stalled: it cannot
// know whether adverts were lost meanwhile. Being late by scheduling alone stays below.
[[nodiscard]] constexpr Duration stall_limit(Duration active_adver_interval) noexcept {
  return active_adver_interval + std::chrono::milliseconds(10);
}

// The control thread gives the kernel the addresses and hears of checks. When it stands still, nothing
// is taken over from here on; and what is held is handed over, time and again if nobody takes it.
inline constexpr Duration kUnserved = std::chrono::seconds(1);
inline constexpr Duration kUnservedHandover = std::chrono::seconds(5);
inline constexpr Duration kBetweenUnservedHandovers = std::chrono::seconds(10);

// After a stall the kernel may have packets that it could not deliver meanwhile.
inline constexpr Duration kSettleTime = std::chrono::milliseconds(10);

}  // namespace tandem::vrrp
