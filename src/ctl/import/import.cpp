// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/import.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "ctl/import/keywords.hpp"
#include "ctl/import/lines.hpp"
#include "ctl/import/nginx.hpp"
#include "ctl/import/nginx_tree.hpp"
#include "ctl/import/readers.hpp"
#include "ctl/import/traps.hpp"

namespace tandem::importer {
namespace {

using Kind = Note::Kind;

constexpr std::string_view kStatic = "it is the system's to configure, not Tandem's";

// Of the top level. Blocks that are read otherwise are in kBlocks and read_virtual_servers().
constexpr std::array kTopFates{
    Fate{"static_ipaddress", Kind::lost, kStatic},
    Fate{"static_routes", Kind::lost, kStatic},
    Fate{"static_rules", Kind::lost, kStatic},
    Fate{"track_group", Kind::lost, "there are no static addresses to track"},
    Fate{"track_file", Kind::lost,
         "no number is read from a file; a [[check]] with a command may read it"},
    Fate{"vrrp_track_file", Kind::lost,
         "no number is read from a file; a [[check]] with a command may read it"},
    Fate{"bfd_instance", Kind::lost, "there is no BFD"},
    Fate{"garp_group", Kind::lost, "garp_interval is of a virtual router"},
    Fate{"linkbeat_interfaces", Kind::implied, "the kernel tells the state of links"},
    Fate{"SSL", Kind::lost, "checks by HTTPS verify no certificate and show none"},
};

// In the order they are read in, wherever they stand. What has to stand before its use in the file
// asks Gateway::order.
struct Block {
  std::string_view keyword;
  Result<void> (*read)(const Statement&, Gateway&);
};
constexpr std::array kBlocks{
    Block{"global_defs", read_global_defs},
    Block{"interface_up_down_delays", read_interface_delays},
    Block{"vrrp_script", read_vrrp_script},
    Block{"vrrp_track_process", read_track_process},
    Block{"vrrp_sync_group", read_sync_group},
    Block{"vrrp_instance", read_vrrp_instance},
};

// net_namespace, instance and a few more stand outside of a block, for reasons of keepalived's.
bool is_global(const Statement& s) {
  static constexpr std::array<std::string_view, 7> kOutside{
      "net_namespace",         "net_namespace_ipvs",  "instance", "use_pid_dir", "child_wait_time",
      "namespace_with_ipsets", "linkbeat_use_polling"};
  return std::ranges::find(kOutside, s.keyword()) != kOutside.end();
}

bool is_block(const Statement& s) {
  return std::ranges::find(kBlocks, s.keyword(), &Block::keyword) != kBlocks.end() ||
         s.keyword() == "virtual_server" || s.keyword() == "virtual_server_group";
}

void read_others(const std::vector<Statement>& statements, Gateway& gateway) {
  for (const auto& s : statements) {
    if (is_block(s)) {
      if (!s.has_block)
        gateway.notes.lost(s.place, shown(s.keyword()) + ": expected a block in { and }");
    } else if (is_global(s)) {
      note_error(s, read_global_defs({s.place, {"global_defs"}, true, {s}}, gateway),
                 gateway.notes);
    } else {
      settle(s, kTopFates, "the file", gateway.notes);
    }
  }
}

Result<Gateway> read_keepalived(const std::string& path, const std::string& config_id,
                                const Files& files, const Machine& machine) {
  Gateway gateway;
  gateway.machine = machine;
  gateway.node.from = {path, 0};
  const auto lines = read_lines(files, path, config_id, gateway.notes);
  if (!lines) return std::unexpected(lines.error());
  const auto statements = build_tree(*lines, gateway.notes);
  if (!statements) return std::unexpected(statements.error());
  read_others(*statements, gateway);
  for (const auto& block : kBlocks) {
    gateway.order = 0;
    for (const auto& s : *statements) {
      ++gateway.order;
      if (s.keyword() == block.keyword && s.has_block)
        note_error(s, block.read(s, gateway), gateway.notes);
    }
  }
  finish_routers(gateway);
  read_virtual_servers(*statements, gateway);
  return gateway;
}

// Packets of backends come and go by interfaces that Tandem is on.
void add_ways_to_backends(Gateway& gateway) {
  if (!gateway.machine.way_to) return;
  for (const auto& [address, place] : gateway.backends) {
    const auto way = gateway.machine.way_to(address);
    if (!way)
      gateway.notes.trap(place, "backend " + address.to_string() +
                                    ": this machine has no route to it; the interface that it is "
                                    "behind has to be an [[interface]]");
    else if (gateway.interfaces.emplace(*way, place).second)
      gateway.notes.implied(place, "backend " + address.to_string() + ": is behind " + *way +
                                       ", and so that is an [[interface]], too");
  }
}

void name_node(const Request& request, Gateway& gateway) {
  auto& node = gateway.node;
  if (!request.node.empty())
    node.set("name", toml(request.node), node.from);
  else if (node.find("name") == nullptr)
    node.set("name", toml(request.config_id), node.from);
}

void warn_of_users(Gateway& gateway) {
  if (gateway.has_scripts)
    gateway.notes.trap(gateway.node.from,
                       "scripts without a user run as root; keepalived runs them as "
                       "keepalived_script where that user exists");
}

std::set<std::string> tracked_scripts(const Gateway& gateway) {
  std::set<std::string> names;
  for (const auto& router : gateway.routers)
    for (const auto& item : router.tracked)
      if (item.kind == "check" && !item.is_reversed) names.insert(item.name);
  return names;
}

// The order of the result.
std::vector<Table> tables_of(Gateway& gateway) {
  std::vector<Table> tables{std::move(gateway.node)};
  for (auto* table : {&gateway.flows, &gateway.nginx})
    if (*table) tables.push_back(std::move(**table));
  for (const auto& [name, place] : gateway.interfaces) {
    Table table{"[[interface]]", place, {}, {}};
    table.set("name", toml(name), place);
    if (const auto delay = gateway.up_delays.find(name); delay != gateway.up_delays.end())
      if (const auto& [up, from] = delay->second; up > Duration{})
        table.set("up_delay", toml(up), from);
    tables.push_back(std::move(table));
  }
  const auto tracked = tracked_scripts(gateway);
  for (auto& [name, script] : gateway.scripts) {
    if (tracked.contains(name))
      tables.push_back(std::move(script.table));
    else
      gateway.notes.implied(script.table.from, "vrrp_script " + name +
                                                   ": nothing tracks it; keepalived does not run "
                                                   "it either");
  }
  for (auto& router : gateway.routers) tables.push_back(std::move(router.table));
  for (auto& service : gateway.services) tables.push_back(std::move(service));
  return tables;
}

std::vector<std::string> head_of(const Request& request) {
  return {"Imported from " + request.keepalived +
              (request.nginx.empty() ? "" : " and " + request.nginx) + " by tandemctl import.",
          "`tandemd -c FILE --check` says whether it still holds after a change;",
          "docs/configuration.md has every key."};
}

}  // namespace

Result<Imported> import_configuration(const Request& request, const Files& files) {
  auto gateway = read_keepalived(request.keepalived, request.config_id, files, request.machine);
  if (!gateway) return std::unexpected(gateway.error());
  if (!request.nginx.empty()) {
    if (const auto nginx = read_nginx_tree(files, request.nginx, gateway->notes))
      read_nginx(*nginx, *gateway);
    else
      gateway->notes.lost({request.nginx}, nginx.error().message + "; nothing of it is imported");
  }
  add_ways_to_backends(*gateway);
  if (request.peer.empty()) {
    find_traps(*gateway, nullptr);
  } else {
    const auto peer = read_keepalived(request.peer, request.config_id, files, {});
    if (!peer) return std::unexpected(peer.error());
    find_traps(*gateway, &*peer);
  }
  name_node(request, *gateway);
  warn_of_users(*gateway);
  auto tables = tables_of(*gateway);
  auto notes = gateway->notes.all();
  if (request.judge)
    if (auto done = repair(tables, notes, request.judge); !done)
      return fail_at({request.keepalived}, done.error().message);
  auto written = write(head_of(request), tables, notes);
  std::ranges::stable_sort(notes, {}, &Note::where);
  return Imported{std::move(written), std::move(notes)};
}

}  // namespace tandem::importer
