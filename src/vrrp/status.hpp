// SPDX-License-Identifier: Apache-2.0
// What a virtual router tells about itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/time.hpp"
#include "vrrp/action.hpp"
#include "vrrp/role.hpp"
#include "vrrp/settings.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

// The last advert that was dropped for a reason.
struct LastDrop {
  IpAddress source;
  MonotonicTime at{};
};

// Everything that `tandemctl vrrp` shows of one virtual router. A plain value, copied out whole.
struct Status {
  RouterId id = 0;
  State state = State::initialize;
  Cause cause = Cause::startup;  // of the last transition
  MonotonicTime since{};
  std::uint32_t transitions = 0;
  std::uint8_t configured_priority = 0;
  std::uint8_t effective_priority = 0;
  bool handed_over = false;         // stays Backup while a peer is Active, though it could preempt
  bool waits_for_flows = false;     // it would preempt, if it had the peer's flows
  bool waits_for_backends = false;  // it would preempt, if its backends were known to be up
  bool held_back = false;           // no advert is heard, but the peer says that it is Active
  std::uint64_t held_back_count = 0;  // how often a takeover was
  std::optional<PeerRole> peer_role;  // as the peer said last, over the sync links
  HandoverEnd handover = HandoverEnd::none;
  IpAddress peer;  // sender of the last good advert; unspecified: none yet
  std::uint8_t peer_priority = 0;
  std::uint8_t lowest_peer_priority = 0;  // lowest non-zero priority heard lately
  MonotonicTime lowest_peer_seen{};
  std::uint8_t highest_peer_priority = 0;  // of all that were heard from `peer`
  MonotonicTime peer_seen{};
  wire::ChecksumForm peer_checksum{};
  std::array<std::uint64_t, 2> adverts_by_checksum{};  // by ChecksumForm
  Duration active_adver_interval{};
  Duration unlearned_interval{};  // the Active's, if it is longer than may be learned; else 0
  Duration skew_time{};
  Duration active_down_interval{};
  MonotonicTime next_deadline = kNever;
  MonotonicTime lease_deadline{};  // 0: none
  std::uint64_t adverts_sent = 0;
  std::uint64_t adverts_unsent = 0;  // those that could not leave
  int send_error = 0;                // errno of the last advert; 0: it left
  std::uint64_t stalls = 0;          // deadlines at which the process did not run for too long
  Duration longest_stall{};
  std::uint64_t adverts_received = 0;
  std::uint32_t rivals_heard = 0;         // Active: adverts of a lower one, that does not give way
  bool addresses_differ = false;          // those of the last advert from ours
  std::uint64_t address_mismatches = 0;   // accepted all the same
  std::uint64_t interval_mismatches = 0;  // version 3: accepted all the same
  // Of the adverts received, those that were signed, whether verified or not.
  std::uint64_t adverts_signed = 0;
  std::optional<std::uint8_t> peer_key;  // which signed the last one; none: it was not signed
  Duration peer_clock{};                 // how far its time was ahead of this node's clock
  std::array<std::uint64_t, wire::kAdvertDrops> dropped{};  // by AdvertDrop
  std::array<LastDrop, wire::kAdvertDrops> last_dropped{};  // likewise

  // Takes note of an advert that passed the receive checks: its sender, and what differs.
  void count(const wire::ReceivedAdvert& received, const Settings& settings, MonotonicTime now);
  // Takes note of an advert that did not pass.
  void count_drop(wire::AdvertDrop reason, const IpAddress& source, MonotonicTime now);
};

}  // namespace tandem::vrrp
