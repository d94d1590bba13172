// SPDX-License-Identifier: Apache-2.0
// What the running daemon says, over a while: its documents at the beginning and at the end, and
// what happened in between.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"

namespace tandem::doctor {

struct RouterView {
  std::string name;
  bool active = false;  // at the beginning and at the end
  std::set<std::string> peers;
  int peer_priority = 0;
  int priority = 0;            // this node's, effective
  std::uint64_t received = 0;  // adverts, in the while; so the others
  std::uint64_t dropped = 0;   // adverts since the start, while the daemon warns of the router
  std::uint64_t address_mismatches = 0;
  std::uint64_t interval_mismatches = 0;
};

struct DroppedAdvert {
  std::string interface;
  std::string source;
  std::string reason;  // as wire::to_string(AdvertDrop) has it
  int vrid = 0;
  auto operator<=>(const DroppedAdvert&) const = default;
};

struct DaemonView {
  std::string config_file;
  std::vector<std::string> warnings;
  bool realtime = false;
  bool memory_locked = false;
  std::vector<RouterView> routers;
  std::set<DroppedAdvert> dropped;  // in the while

  // status: of `status`, at the end. vrrp: of `vrrp`, in the order of time, at least one. events:
  // of `events`, of the while. Throws nlohmann::json::exception if that is not what they are.
  [[nodiscard]] static DaemonView parse(const nlohmann::json& status,
                                        const std::vector<nlohmann::json>& vrrp,
                                        const nlohmann::json& events);
  [[nodiscard]] const RouterView* find(const std::string& router) const;
};

// view: none if no daemon answers, for this reason. pid: of one that runs here; 0: none does.
void judge_daemon(const std::optional<DaemonView>& view, const std::string& unreachable, int pid,
                  const std::string& config_file, Findings& findings);
void judge_heard_by_daemon(const config::Config& config, const DaemonView& view,
                           Findings& findings);

}  // namespace tandem::doctor
