// SPDX-License-Identifier: Apache-2.0
// All virtual routers of this node: finds the one an advert is for, applies the receive checks
// that need configuration, moves sync groups together, and tells the next deadline.
// Pure: time is an argument, everything to be done is appended to `out`. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "vrrp/action.hpp"
#include "vrrp/settings.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

// Everything that `tandemctl vrrp` shows of one virtual router. A plain value, copied out whole.
struct Status {
  RouterId id = 0;
  State state = State::initialize;
  Cause cause = Cause::startup;  // of the last transition
  MonotonicTime since{};
  std::uint32_t transitions = 0;
  std::uint8_t configured_priority = 0;
  std::uint8_t effective_priority = 0;
  bool handed_over = false;  // stays Backup while a peer is Active, though it could preempt
  IpAddress peer;            // sender of the last good advert; unspecified: none yet
  std::uint8_t peer_priority = 0;
  std::uint8_t lowest_peer_priority = 0;  // lowest non-zero priority heard lately
  MonotonicTime peer_seen{};
  wire::ChecksumForm peer_checksum{};
  std::array<std::uint64_t, 2> adverts_by_checksum{};  // by ChecksumForm
  Duration active_adver_interval{};
  Duration skew_time{};
  Duration active_down_interval{};
  MonotonicTime next_deadline = kNever;
  MonotonicTime lease_deadline{};  // 0: none
  std::uint64_t adverts_sent = 0;
  std::uint64_t adverts_received = 0;
  std::uint64_t address_mismatches = 0;   // accepted all the same
  std::uint64_t interval_mismatches = 0;  // version 3: accepted all the same
  std::array<std::uint64_t, wire::kAdvertDrops> dropped{};  // by AdvertDrop
};

class RouterSet {
 public:
  // `interface` is the caller's number for (device, VLAN tags) that the router lives on; `source`
  // is the address our own adverts carry. Starts the virtual router (RFC 9568, 6.4.1). `links` is
  // whether the interface is usable (up, with a source address); if not, it starts in Fault.
  void add(RouterId id, std::uint16_t interface, const Settings& settings, const IpAddress& source,
           bool usable, MonotonicTime now, Actions& out);
  // Applies changed settings without leaving the state where the change allows it: an Active
  // stays Active and its advert timer keeps its rhythm.
  void update(RouterId id, const Settings& settings, MonotonicTime now, Actions& out);
  // Resigns if Active, then forgets it.
  void remove(RouterId id, MonotonicTime now, Actions& out);

  // The interface came or went, or its primary / link-local address changed.
  void on_interface(std::uint16_t interface, bool usable, const IpAddress& source_v4,
                    const IpAddress& source_v6, MonotonicTime now, Actions& out);
  // A tracked thing (Tracked::source) passed or failed.
  void on_track(std::uint16_t source, bool up, MonotonicTime now, Actions& out);
  // An advert as parsed from a packet that came in on `interface`. Returns why it was dropped,
  // if it was. RFC 9568, 7.1.
  std::optional<wire::AdvertDrop> on_advert(std::uint16_t interface,
                                            const wire::ReceivedAdvert& received,
                                            MonotonicTime now, Actions& out);
  // Lets every timer that is due fire.
  void on_time(MonotonicTime now, Actions& out);
  // Planned handover: an Active resigns, but keeps its lease until the peer's advert arrives or
  // the lease ends, and does not preempt until `back`, or until the peer falls silent.
  // false: it is not Active (or, with back, was not handed over).
  bool fail_over(RouterId id, bool back, MonotonicTime now, Actions& out);
  // All resign. Call on_time/on_advert until idle() or a patience of the caller's ends.
  void shut_down(MonotonicTime now, Actions& out);
  [[nodiscard]] bool idle() const;  // no virtual router holds a lease

  [[nodiscard]] MonotonicTime next_deadline() const;
  [[nodiscard]] Status status(RouterId id) const;
};

}  // namespace tandem::vrrp
