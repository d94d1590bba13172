// SPDX-License-Identifier: Apache-2.0
// A keepalived.conf in Tandem's terms: the tables of the result, with what rules between them have
// to know.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "ctl/import/command.hpp"
#include "ctl/import/document.hpp"
#include "ctl/import/machine.hpp"

namespace tandem::importer {

// A configuration has no room for more; the import ends there instead of going on in vain.
inline constexpr std::size_t kMostRouters = 512;
inline constexpr std::size_t kMostAddressesOfRouter = 255;
inline constexpr std::size_t kMostServices = 1024;

// What a virtual router, or a sync group, follows.
struct Tracked {
  std::string kind;  // "check" or "interface"
  std::string name;
  std::optional<int> weight;  // none: the script's own; 0: failing means Fault
  bool is_reversed = false;
  Location place;
};

// The scripts for one change of state, in the order they are run in.
struct NotifyScript {
  Script script;
  std::string appended;  // see shell_line()
};
struct Notify {
  std::vector<NotifyScript> active, backup, fault, stop;
  std::set<std::string> taken;  // keywords
};

struct VirtualRouter {
  std::string name;
  std::string interface;
  Table table;
  int priority = 100;
  int version = 2;
  bool starts_as_master = false;
  Family family = Family::ipv4;
  std::vector<IpAddress> addresses;                       // advertised ones first
  std::vector<std::pair<std::string, Location>> devices;  // other ones, of addresses
  std::optional<IpAddress> source;
  std::vector<Tracked> tracked;
  Notify notify;
};

struct SyncGroup {
  std::string name;
  Location place;
  std::vector<std::string> members;
  bool has_weights = false;  // sync_group_tracking_weight
  std::vector<Tracked> tracked;
  Notify notify;
};

// A vrrp_script, or what stands for a vrrp_track_process. Those that nothing tracks are not written,
// as keepalived does not run them.
struct TrackedScript {
  Table table;
  int weight = 0;
  bool is_reversed = false;
  std::size_t order = 0;  // of its block in the file: keepalived knows it from there on
};

// What global_defs says for all that follows.
struct Defaults {
  int version = 2;
  bool check_unicast_source = false;
  bool is_strict = false;
  std::string user, group;  // of scripts
  bool has_script_security = false;
  std::string interface;                                         // default_interface
  std::optional<std::pair<IpAddress, Location>> group4, group6;  // where adverts go
  bool has_message_checksum = false;                             // v3_checksum_as_v2
  std::optional<Setting> startup_delay, down_adverts, garp_repeat, garp_delay, garp_refresh,
      garp_interval;
};

struct Gateway {
  Table node{"[node]", {}, {}, {}};
  std::optional<Table> flows;
  std::optional<Table> nginx;
  Defaults defaults;
  std::map<std::string, Location> interfaces;  // those needed, where each was first named
  std::map<std::string, std::pair<Duration, Location>> up_delays;  // by name
  std::map<std::string, TrackedScript> scripts;
  std::vector<SyncGroup> groups;
  std::vector<VirtualRouter> routers;
  std::vector<Table> services;
  std::map<IpAddress, Location> backends;  // of all services, where each was first named
  bool has_scripts = false;                // some script was seen, and none of them had a user
  std::size_t order = 0;                   // of the block that is read
  Machine machine;
  Notes notes;

  // The virtual router that has an address; null: none.
  [[nodiscard]] const VirtualRouter* owner_of(const IpAddress& address) const;
  // Whether packets to an address end at this node: a loopback address, a source of its adverts, or
  // one that the machine has and no virtual router.
  [[nodiscard]] bool is_own(const IpAddress& address) const;
};

}  // namespace tandem::importer
