// SPDX-License-Identifier: Apache-2.0
// What a virtual router is, as its node tells the other one over the sync links, beside the adverts:
// a second heartbeat, for the time in which adverts get lost.
//
// The VRRP thread writes what this node's routers are, and reads what the other node said; the sync
// thread does the reverse. Neither waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "tandem/abi.h"
#include "vrrp/action.hpp"
#include "vrrp/settings.hpp"

namespace tandem::vrrp {

struct Role {
  State state = State::initialize;
  std::uint8_t priority = 0;  // 0: it hands over
  bool serves = false;        // it has a lease, and its control thread runs

  // Nothing but silence would be a reason to take its addresses.
  [[nodiscard]] bool is_active_and_well() const {
    return state == State::active && serves && priority != 0;
  }
  bool operator==(const Role&) const = default;
};

// The role of the other node's virtual router of the same name.
struct PeerRole {
  Role role;
  MonotonicTime as_of{};  // by this node's clock; it was told then or later
};

class RoleBoard {
 public:
  // ---- VRRP thread
  // lease: until when the router answers, unless it is told otherwise.
  void set_own(RouterId id, const Role& role, MonotonicTime lease) {
    Own& own = own_[id];
    own.lease.store(lease.time_since_epoch().count(), std::memory_order_relaxed);
    if (own.role.exchange(pack(role), std::memory_order_release) == pack(role)) return;
    changes_.fetch_add(1, std::memory_order_release);
  }
  // nullopt: nothing was said, or not since the router was named.
  [[nodiscard]] std::optional<PeerRole> peer(RouterId id) const {
    const auto as_of = peers_[id].as_of.load(std::memory_order_acquire);
    if (as_of == 0) return std::nullopt;
    return PeerRole{unpack(peers_[id].role.load(std::memory_order_relaxed)),
                    MonotonicTime(Duration(as_of))};
  }

  // ---- Sync thread
  // A VRRP thread that stands still renews no lease, and so does not look well for long.
  [[nodiscard]] Role own(RouterId id, MonotonicTime now) const {
    Role role = unpack(own_[id].role.load(std::memory_order_acquire));
    const MonotonicTime lease(Duration(own_[id].lease.load(std::memory_order_relaxed)));
    role.serves = role.serves && lease > now;
    return role;
  }
  // Another number: some router's role has changed since.
  [[nodiscard]] std::uint32_t changes() const { return changes_.load(std::memory_order_acquire); }
  // true: it is another role than before.
  bool set_peer(RouterId id, const PeerRole& peer) {
    const bool other =
        peers_[id].role.exchange(pack(peer.role), std::memory_order_relaxed) != pack(peer.role);
    peers_[id].as_of.store(peer.as_of.time_since_epoch().count(), std::memory_order_release);
    return other;
  }
  void forget_peer(RouterId id) { peers_[id].as_of.store(0, std::memory_order_release); }

 private:
  static std::uint32_t pack(const Role& role) {
    return static_cast<std::uint32_t>(role.state) << 16 | std::uint32_t{role.priority} << 8 |
           (role.serves ? 1U : 0U);
  }
  static Role unpack(std::uint32_t packed) {
    return {static_cast<State>(packed >> 16), static_cast<std::uint8_t>(packed >> 8),
            (packed & 1) != 0};
  }
  struct Own {
    std::atomic<std::uint32_t> role = 0;
    std::atomic<Duration::rep> lease = 0;
  };
  struct Peer {
    std::atomic<std::uint32_t> role = 0;
    std::atomic<Duration::rep> as_of = 0;
  };

  std::array<Own, TD_MAX_VROUTERS> own_;
  std::array<Peer, TD_MAX_VROUTERS> peers_;
  std::atomic<std::uint32_t> changes_ = 0;
};

}  // namespace tandem::vrrp
