// SPDX-License-Identifier: Apache-2.0
// Flow synchronization, for people and for machines: whether the other node has the same flows, and
// if not, why.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "observe/clock.hpp"

namespace tandem::observe {

enum class SyncState : std::uint8_t {
  in_sync,               // every range of flows was equal when it was compared last
  checking,              // not everything was compared yet in this session
  repairing,             // some ranges differ, and are sent again
  not_configured_there,  // the other node has no such service
  not_connected,
};
[[nodiscard]] const char* to_string(SyncState state);

struct SyncedService {
  std::string name;
  bool owner = false;  // this node decides about its flows
  SyncState state = SyncState::not_connected;
};

struct SyncView {
  bool connected = false;
  bool sockets_known = false;  // the peer has told of those of its own services
  std::string peer;            // its name, while connected
  std::size_t link = 1;        // in use, from 1
  std::string why;             // not connected: what the last try failed of
  MonotonicTime since{};       // connected, or not
  Duration lag{};              // there and back; 0: not known
  std::uint64_t sessions = 0, refused = 0;
  std::uint64_t flows_sent = 0, flows_received = 0, repairs = 0;
  bool rooms_differ = false;                             // of the nodes' flow tables
  std::uint64_t clients_sent = 0, clients_received = 0;  // that affinity holds
  std::uint64_t conflicts = 0;  // flows that both nodes had given to different backends
  std::uint64_t unknown = 0;    // records of services or backends that are not configured here
  std::uint64_t no_room = 0;    // records that found no room, or their source port in use
  bool is_behind = false;  // with sync = "before-forward": it is not waited for, being too slow
  std::vector<SyncedService> services;
  // Whether both nodes have the same drains and weights of the operator's; nullopt: not known.
  std::optional<bool> settings_equal;

  // Every service that is forwarded has the same flows on both nodes.
  [[nodiscard]] bool in_sync() const;
  // Why not, in a sentence with what to do; empty if in_sync().
  [[nodiscard]] std::string trouble() const;
};

[[nodiscard]] nlohmann::json sync_document(const SyncView& sync, const Now& now);

}  // namespace tandem::observe
