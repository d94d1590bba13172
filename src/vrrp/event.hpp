// SPDX-License-Identifier: Apache-2.0
// One event on its way through the virtual routers: when it happened, and what is to be done.
#pragma once

#include "base/time.hpp"
#include "vrrp/action.hpp"

namespace tandem::vrrp {

// Announcements in the actions of one event, all virtual routers together. More are spread over
// the following deadlines, so that a sync group of hundreds neither delays the next advert nor
// floods the switch.
inline constexpr int kAnnouncesPerEvent = 64;

struct Event {
  MonotonicTime now;
  Actions& out;
  int announces_left = kAnnouncesPerEvent;
};

}  // namespace tandem::vrrp
