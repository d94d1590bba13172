// SPDX-License-Identifier: Apache-2.0
// What the nodes tell each other of their virtual routers (vrrp/role.hpp), over the session: several
// times within each advert interval, and at once when something changes.
//
// Each message carries back the clock of the last one that came the other way. So a receiver knows, by
// its own clock, a moment before which the word was not written: what was on its way for long is not
// taken for fresh.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "sync/message.hpp"
#include "vrrp/role.hpp"

namespace tandem::sync {

class RoleExchange {
 public:
  struct Router {
    vrrp::RouterId id = 0;
    std::uint8_t vrid = 0;
    IpAddress address;  // the lowest of those that it advertises
    Duration advert_interval{};
  };

  // wake: called on the sync thread, when the peer has said something else than before.
  RoleExchange(vrrp::RoleBoard& board, std::function<void()> wake)
      : board_(board), wake_(std::move(wake)) {}

  // ---- Control thread
  void set_routers(std::vector<Router> routers);

  // ---- Sync thread
  void begin();  // a new session
  // Appends a message if one is due.
  void send(std::vector<std::uint8_t>& out, MonotonicTime now);
  void on(const Roles& roles, MonotonicTime now);

 private:
  vrrp::RoleBoard& board_;
  std::function<void()> wake_;
  std::mutex mutex_;  // of the two below, between these threads
  std::vector<Router> routers_;
  Duration interval_{};  // between messages
  MonotonicTime due_{};
  std::uint32_t told_changes_ = 0;
  std::uint64_t peers_clock_ns_ = 0;  // of its last message
};

}  // namespace tandem::sync
