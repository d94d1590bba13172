// SPDX-License-Identifier: Apache-2.0
// What the state machine wants done. Actions come in the order in which they must be carried out
// (design: address answers, advert, GARP/NA, then the kernel's address list, notify and log).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "vrrp/settings.hpp"

namespace tandem::vrrp {

// RFC 9568, 6.4, and keepalived's Fault: a tracked thing failed outright, not taking part.
enum class State : std::uint8_t { initialize, backup, active, fault };
[[nodiscard]] const char* to_string(State state) noexcept;  // "Initialize", "Backup", ...

// Why a virtual router changed state, or why an advert was sent out of turn.
enum class Cause : std::uint8_t {
  startup,
  owner,            // priority 255 at start
  down_timer,       // Active_Down_Timer fired: no advert for Active_Down_Interval
  peer_resigned,    // priority 0 received, then Skew_Time passed
  higher_priority,  // advert with greater priority
  address_tie,      // equal priority, greater source address
  tracked_failed,   // a tracked check or interface without weight failed
  tracked_recovered,
  stalled,      // the process did not run for longer than the peer would wait
  handed_over,  // `tandemctl failover`
  sync_group,   // another member of the sync group moved
  reload,       // the configuration changed or removed it
  shutdown,
  preempted,       // our priority is greater than that of the Active, which is still heard
  interface_down,  // its own interface, or that has no address to send from
  interface_recovered,
  unsent,    // no advert has left for a whole lease: the peers do not wait any longer
  unserved,  // the control thread stood still before the kernel had the addresses
};
[[nodiscard]] const char* to_string(Cause cause) noexcept;  // a phrase for users

// The lease is this node's right to answer for the addresses until the deadline.
struct GrantLease {
  RouterId router;
  MonotonicTime deadline;
};
struct RevokeLease {
  RouterId router;
};
struct SendAdvert {
  RouterId router;
  std::uint8_t priority;  // 0: resigning
};
struct Announce {
  RouterId router;
  std::uint16_t address;  // index into Settings::addresses
};
// Put the addresses on / take them off the kernel's interface. Install may come before the lease
// (a resigned peer's address is about to be ours): the lease, not the kernel, decides who answers.
struct InstallAddresses {
  RouterId router;
};
struct RemoveAddresses {
  RouterId router;
};
struct Transition {
  RouterId router;
  State from;
  State to;
  Cause cause;
  IpAddress peer;              // the sender of the advert that caused it, or unspecified
  std::uint8_t peer_priority;  // its priority, where there was one
};

// What became of the last planned handover.
enum class HandoverEnd : std::uint8_t {
  none,
  under_way,
  taken,
  nobody_took,
  unfit_peer,
  called_off
};
[[nodiscard]] const char* to_string(HandoverEnd end) noexcept;  // a phrase for users

// Something that moves no state, but that an operator has to know of.
enum class Matter : std::uint8_t {
  adverts_stuck,     // an advert could not be sent, the first after others that were
  adverts_leave,     // the first that left again
  nobody_took,       // a handover: no peer took the addresses
  unfit_peer,        // a handover: only a peer that fails took them
  stalled,           // the process did not run at a deadline
  interval_bounded,  // a peer's advert interval is longer than what is learned
  held_back,         // no takeover, since the control thread stands still
  unserved,          // hands over, since the control thread stands still
  adverts_lost,      // no takeover yet, since the peer says over the sync link that it is Active
  second_active,     // took over all the same
};
struct Notice {
  RouterId router;
  Matter matter;
  std::int64_t detail;  // adverts_stuck: errno; unfit_peer: its priority; else ms
};
[[nodiscard]] std::string to_string(const Notice& notice);  // a sentence for users

using Action = std::variant<GrantLease, RevokeLease, SendAdvert, Announce, InstallAddresses,
                            RemoveAddresses, Transition, Notice>;
// Appended to by every event. Reserved once by the driver, so that no event allocates.
using Actions = std::vector<Action>;

}  // namespace tandem::vrrp
