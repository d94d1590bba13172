// SPDX-License-Identifier: Apache-2.0
// What can happen to a virtual router. VirtualRouter::handle() says what each state makes of it.
#pragma once

#include <cstdint>
#include <variant>

#include "vrrp/action.hpp"
#include "vrrp/priority.hpp"
#include "vrrp/role.hpp"
#include "vrrp/settings.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {
namespace input {

struct Start {
  bool group_fault;  // another member of its sync group is faulty
};
struct Advert {
  const wire::ReceivedAdvert& received;  // it passed the receive checks
};
struct Time {};  // Adver_Timer, Active_Down_Timer or a listening mark is due
// What became of an advert that SendAdvert asked for.
struct Sent {
  int error;  // errno; 0: it left
};
struct Probe {};          // Backup: find out whether adverts leave again
struct AnnounceDue {};    // announcements are
struct AnnounceAgain {};  // the neighbours may have forgotten or never known: a burst out of turn
struct Track {
  std::uint16_t source;  // Tracked::source
  bool up;
};
struct Update {
  const Settings& settings;  // VRID, family and version are the same
  Failing failing;           // for settings.tracked
};
// What may have brought or ended a Fault has happened.
struct Review {
  bool group_fault;
};
struct HandOver {
  bool forced;  // whoever takes the addresses, or nobody
};
struct TakeBack {};  // stays Active, or may preempt again, with no delay
// The control thread, of which the kernel's addresses and the checks are.
struct Control {
  Duration silent;  // for how long it has stood still; 0: it runs
};
struct Installed {};  // it has given the kernel the addresses
struct PeerSays {     // over the sync links
  const PeerRole& peer;
};
struct ShutDown {};  // hand over if Active, and end in Initialize
struct Resign {      // to Initialize at once
  Cause cause;
};
// Of the sync group:
struct TakeOver {  // Backup -> Active
  Cause cause;
};
struct StepDown {};  // Active -> Backup, with priority 0
struct Hold {};      // not Active before Active_Down_Interval and one more interval are over

}  // namespace input

using Input = std::variant<input::Start, input::Advert, input::Time, input::Sent, input::Probe,
                           input::AnnounceDue, input::AnnounceAgain, input::Track, input::Update,
                           input::Review, input::HandOver, input::TakeBack, input::Control,
                           input::Installed, input::PeerSays, input::ShutDown, input::Resign,
                           input::TakeOver, input::StepDown, input::Hold>;

}  // namespace tandem::vrrp
