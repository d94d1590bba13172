// SPDX-License-Identifier: Apache-2.0
// The documents behind `tandemctl services`, `backends` (also the answer to `drain`, `undrain` and
// `weight`) and `flows`. Pure: plain values in, JSON out.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "balance/backend.hpp"
#include "base/address.hpp"
#include "base/check_figures.hpp"
#include "config/config.hpp"
#include "observe/clock.hpp"

namespace tandem::observe {

// In: client to backend, or to this node's own service. Out: the replies, as far as they come by: 0 with
// dsr and tunnel.
struct Traffic {
  std::uint64_t packets_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
};

// First packets of a service with sync = "before-forward".
struct BeforeForward {
  std::uint64_t acknowledged = 0;  // went on when the other node had their flow
  // Went on without that:
  std::uint64_t away = 0;     // there was no session with the other node
  std::uint64_t slow = 0;     // it did not say so in time
  std::uint64_t refused = 0;  // it could not take a flow of the service
  std::uint64_t no_room = 0;  // too many waited already
};

struct ServiceView {
  std::string name;
  IpAddress address;
  config::Protocol protocol = config::Protocol::tcp;
  std::uint16_t port = 0;
  config::Forward forward = config::Forward::local;
  balance::SchedulerKind scheduler =
      balance::SchedulerKind::least_conn;  // not shown of a local one
  bool lease = false;                      // its virtual address's is live
  bool up = true;                          // its quorum is; not shown of a local one
  std::uint64_t backends_up = 0;
  std::uint64_t backends_draining = 0;
  std::uint64_t backends_down = 0;
  std::uint64_t flows_active = 0;  // counted
  std::uint64_t flows_total = 0;   // remembered
  double new_per_second = 0;
  Traffic traffic;
  std::uint64_t picks = 0;           // by the scheduler
  std::uint64_t hash_picks = 0;      // flows that were joined
  std::uint64_t refused = 0;         // no backend could take them
  std::uint64_t no_source_port = 0;  // the part of these that lacked a source port (fullnat)
  std::uint64_t table_full = 0;      // the flow table had no room
  std::optional<BeforeForward> before_forward;
  std::string note;  // a sentence for the operator, if something is wrong
};

struct FlowTableView {
  std::uint64_t flows = 0;
  std::uint64_t capacity = 0;
  std::uint64_t evicted = 0;  // over, or of one side alone, for want of room
};

struct FlowTablesView {
  FlowTableView ipv4;
  FlowTableView ipv6;
  std::uint64_t active_in_table = 0;  // flows marked as counted, of all services
  std::uint64_t active_in_schedulers = 0;
};

struct ServicesView {
  std::vector<ServiceView> services;     // those asked for
  std::optional<FlowTablesView> tables;  // nullopt: their thread stands still
};

// {"services": [...], "flow_tables": {...}, "counts": {...}}. There are tables.
[[nodiscard]] nlohmann::json services_document(const ServicesView& view);

struct NextHop {
  std::string device;
  MacAddress mac;
};

struct BackendView {
  std::string service;
  IpAddress address;
  std::uint16_t port = 0;
  std::uint16_t weight = 0;  // in use, as `tandemctl weight` may have set it
  std::uint16_t configured_weight = 0;
  std::string weight_set_on{};  // the node; "": it is the file's
  std::string drained_on{};     // the node; "": it is not drained by the operator
  balance::State state = balance::State::down;
  std::string why;        // "check: 200 OK", "drained by the operator"
  MonotonicTime since{};  // in this state
  bool backup = false;
  bool in_use = true;     // a backup gets new flows, or no backup does
  Duration slow_start{};  // in which its weight grows from `since` on; 0: at once
  std::uint64_t active = 0;
  std::uint64_t total = 0;
  // Of its server, through whichever services: decided about by this node, and by the other one.
  std::uint64_t server_own = 0;
  std::uint64_t server_peers = 0;
  double new_per_second = 0;
  std::uint32_t max_connections = 0;  // 0: no limit
  std::uint64_t picks = 0;
  Traffic traffic;
  std::optional<NextHop> next_hop;    // nullopt: not resolved
  std::optional<CheckFigures> check;  // nullopt: it has none
};

[[nodiscard]] const char* name_of(config::Protocol protocol);
[[nodiscard]] const char* name_of(config::Forward forward);
[[nodiscard]] const char* name_of(balance::SchedulerKind scheduler);
[[nodiscard]] const char* name_of(balance::State state);

// {"backends": [...]} in the order given.
[[nodiscard]] nlohmann::json backends_document(std::span<const BackendView> backends,
                                               const Now& now);

struct FlowView {
  IpAddress client;
  std::uint16_t client_port = 0;
  std::string service;
  IpAddress backend;
  std::uint16_t backend_port = 0;
  std::uint8_t state = 0;  // enum td_flow_state
  bool counted = false;
  Duration idle{};
  std::optional<std::uint16_t> source_port;  // fullnat: the port that the backend sees
};

// {"flows": [...], "matched": N}. `matched`: also those that the limit left out.
[[nodiscard]] nlohmann::json flows_document(std::span<const FlowView> flows, std::uint64_t matched);
// A row of it.
[[nodiscard]] nlohmann::json flow_document(const FlowView& flow);

}  // namespace tandem::observe
