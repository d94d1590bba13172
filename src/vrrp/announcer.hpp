// SPDX-License-Identifier: Apache-2.0
// When an Active announces its addresses by gratuitous ARP and unsolicited NA (RFC 9568, 6.4.3
// asks for one at the transition; the rest follows keepalived, because one can get lost).
//
// A round announces every address once. A burst is garp_repeat rounds, garp_interval apart.
// Bursts: at the transition, garp_delay later, and on each hint of another Active, whose
// announcements may have turned the neighbours' caches; hints are answered once a second at most,
// and a hint that comes earlier is answered when that second is over. A refresh is one round each
// garp_refresh. An event that has no room for all of a round leaves the rest to a later deadline.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"
#include "vrrp/event.hpp"
#include "vrrp/settings.hpp"

namespace tandem::vrrp {

class Announcer {
 public:
  // At the transition, and again when the addresses or the schedule's settings changed.
  void start(const Settings& settings, MonotonicTime now);
  void stop();
  void hint(MonotonicTime now);
  // Appends the announcements that are due.
  void emit(RouterId router, const Settings& settings, Event& event);
  [[nodiscard]] MonotonicTime deadline() const;

 private:
  void begin_rounds(int rounds, MonotonicTime now);
  void take_due(const Settings& settings, MonotonicTime now);

  int rounds_left_ = 0;
  std::uint16_t next_address_ = 0;  // within the round
  MonotonicTime next_emit_ = kNever;
  MonotonicTime second_burst_ = kNever;
  MonotonicTime hinted_burst_ = kNever;
  MonotonicTime hint_answered_ = MonotonicTime::min();
  MonotonicTime refresh_ = kNever;
};

}  // namespace tandem::vrrp
