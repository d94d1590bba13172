// SPDX-License-Identifier: Apache-2.0
// What a virtual router knows in each state and in no other: its timers. Leaving the state forgets
// them, so that no timer of one state can fire in another.
#pragma once

#include <algorithm>
#include <optional>
#include <variant>

#include "base/time.hpp"
#include "vrrp/action.hpp"
#include "vrrp/announcer.hpp"

namespace tandem::vrrp {

struct Initialize {};

// How often the last advert of one that yielded is said again, within an interval.
inline constexpr int kFarewells = 2;

struct Backup {
  MonotonicTime active_down = kNever;  // Active_Down_Timer
  MonotonicTime listen = kNever;       // the next listening mark, at most active_down
  Cause takeover = Cause::down_timer;  // what it will mean that the timer fires
  bool waiting = false;                // it fired, the sync group has not agreed yet
  bool probing = false;                // an advert was sent to find out whether adverts leave
  bool began_anew = false;             // a stall was forgiven since the Active was last heard
  bool settling = false;               // the timer fired right after a stall
  bool installed = false;              // the peer resigned, our kernel has the addresses already
  bool deferred = false;               // the timer fired while the control thread stood still
  bool held_back = false;              // it fired, but the peer says that it is Active
  std::optional<MonotonicTime> held_back_until{};  // in this silence, at the latest
  int farewells = 0;                // to be said again to the better Active that it yielded to
  MonotonicTime farewell = kNever;  // when the next one is due

  [[nodiscard]] MonotonicTime deadline() const {
    return waiting ? kNever : std::min(listen, farewell);
  }
};

// The Active has sent priority 0, and answers until the peer does.
struct Handover {
  MonotonicTime lease{};  // the peers that heard the last advert wait until then
  MonotonicTime until{};  // if no peer has taken the addresses by then, nobody will
  bool forced = false;    // it ends in Backup, whoever takes the addresses, or nobody
  bool stopping = false;  // it ends in Initialize
};

struct Active {
  MonotonicTime confirmed{};     // the lease that the last advert that left speaks of
  MonotonicTime lease{};         // until then it may answer
  MonotonicTime adver = kNever;  // Adver_Timer; handing over: when the lease is renewed
  bool installed = false;        // the control thread says that the kernel has the addresses
  MonotonicTime asserted = MonotonicTime::min();  // when an advert was last sent out of turn
  Announcer announcer;
  std::optional<Handover> handover;

  [[nodiscard]] MonotonicTime deadline() const {
    return std::min(adver, handover ? handover->until : announcer.deadline());
  }
};

struct Fault {};

// In the order of `State`.
using Phase = std::variant<Initialize, Backup, Active, Fault>;
static_assert(
    std::is_same_v<std::variant_alternative_t<std::size_t(State::initialize), Phase>, Initialize>);
static_assert(
    std::is_same_v<std::variant_alternative_t<std::size_t(State::backup), Phase>, Backup>);
static_assert(
    std::is_same_v<std::variant_alternative_t<std::size_t(State::active), Phase>, Active>);
static_assert(std::is_same_v<std::variant_alternative_t<std::size_t(State::fault), Phase>, Fault>);

}  // namespace tandem::vrrp
