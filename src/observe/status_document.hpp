// SPDX-License-Identifier: Apache-2.0
// The document behind `tandemctl status`. Pure: plain values in, JSON out.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/check_figures.hpp"
#include "base/histogram.hpp"
#include "observe/clock.hpp"
#include "tandem/abi.h"
#include "wire/vrrp.hpp"

namespace tandem::observe {

struct InterfaceView {
  std::string name;
  std::string device;
  std::uint32_t ifindex = 0;
  std::vector<std::uint16_t> vlan;  // outer first
  MacAddress mac;
  std::string xdp_mode;  // "native" or "generic"; empty: no program is attached
  std::string xdp_way;   // "dispatcher": behind libxdp's; or "alone"; empty likewise
  bool up = false;
};

struct AdvertsView {  // of all virtual routers and of none
  std::uint64_t received = 0;
  std::array<std::uint64_t, wire::kAdvertDrops> dropped{};  // by AdvertDrop
  std::uint64_t ring_full = 0;                              // lost on the way to the VRRP thread
};

struct VrrpThreadView {
  std::string scheduler;  // "SCHED_RR 50", or why not
  bool realtime = false;
  bool memory_locked = false;
  Histogram lateness;  // of adverts sent, against their deadline
  std::vector<std::pair<std::string, std::uint64_t>> stalls{};  // those told, by cause
};

// What the VRRP thread has seen of the control thread.
struct ControlThreadView {
  std::uint64_t stalls = 0;  // how often it stood still
  Duration longest_stall{};
};

struct CheckView {
  std::string name;
  std::string kind;         // "http", "https", "tcp", "command"
  std::optional<bool> up;   // nullopt: no result yet
  MonotonicTime since{};    // of the last change
  std::string last_result;  // "200 OK", "connection refused"
  CheckFigures figures{};
};

// Frames that this node lost inside, at one place for one reason.
struct LossView {
  std::string place;   // "AF_XDP", "worker 0", "port eth1"
  std::string reason;  // "ring_full"
  std::uint64_t count = 0;
};

struct ReloadsView {
  std::uint64_t applied = 0;
  std::uint64_t refused = 0;
  bool last_good = true;
  std::string refusal{};  // of the last one, if it was refused: its first line
};

struct NodeView {
  std::string name;
  std::string version;
  std::string engine;
  std::string config_file;
  std::string peer_http;  // empty: not configured
  MonotonicTime started{};
  std::vector<InterfaceView> interfaces;
  AdvertsView adverts;
  std::array<std::uint64_t, TD_REASON_COUNT> packets{};  // by enum td_reason
  std::vector<LossView> losses;                          // those of count 0 too
  VrrpThreadView vrrp_thread;
  ControlThreadView control_thread;
  std::vector<CheckView> checks;
  std::vector<std::string> unserved;  // devices whose new flows are lost
  std::uint64_t addresses_restored = 0;
  std::uint64_t send_errors = 0;  // frames of VRRP
  std::uint64_t events_lost = 0;  // of the VRRP thread
  ReloadsView reloads;
  std::vector<std::string> warnings;
};

// Counters list every reason, also those with count 0.
[[nodiscard]] nlohmann::json status_document(const NodeView& node, const Now& now);

// "pass/other", "drop/no-lease", ... by enum td_reason
[[nodiscard]] std::span<const char* const, TD_REASON_COUNT> packet_reasons();

// {"truncated": 0, "ttl": 3, ...}
[[nodiscard]] nlohmann::json drops_by_reason(
    const std::array<std::uint64_t, wire::kAdvertDrops>& dropped);

}  // namespace tandem::observe
