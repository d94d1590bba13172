// SPDX-License-Identifier: Apache-2.0
// vrrp_sync_group; and what is only known of virtual routers once all of them are there.
#include <algorithm>
#include <array>

#include "ctl/import/keywords.hpp"
#include "ctl/import/readers.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

using Kind = Note::Kind;

constexpr std::array kGroupFates{
    Fate{"track_file", Kind::lost,
         "no number is read from a file; a [[check]] with a command may read it"},
    Fate{"track_bfd", Kind::lost, "there is no BFD"},
    Fate{"notify_deleted", Kind::lost, "no command is run when a reload takes it away"},
    Fate{"notify_priority_changes", Kind::lost, "there is no FIFO of events"},
    Fate{"smtp_alert", Kind::lost, "Tandem sends no mail; alert from its events and metrics"},
};

class GroupReader {
 public:
  explicit GroupReader(Gateway& gateway) : gateway_(gateway) {}

  Result<void> read(const Statement& block) {
    using R = GroupReader;
    static constexpr std::array kKeywords{
        Keyword<R>{"group", &R::members},
        Keyword<R>{"track_script", &R::track_script},
        Keyword<R>{"track_interface", &R::track_interface},
        Keyword<R>{"track_process", &R::track_process},
        Keyword<R>{"sync_group_tracking_weight", &R::weights},
        Keyword<R>{"global_tracking", &R::weights},
        Keyword<R>{"notify_master", &R::notify, 4, true},
        Keyword<R>{"notify_backup", &R::notify, 4, true},
        Keyword<R>{"notify_fault", &R::notify, 4, true},
        Keyword<R>{"notify_stop", &R::notify, 4, true},
        Keyword<R>{"notify", &R::notify, 4, true},
    };
    const auto name = text_at(block);
    if (!name) return std::unexpected(name.error());
    group_.name = *name;
    group_.place = block.place;
    read_block<R>(*this, block.inside, kKeywords, kGroupFates, "vrrp_sync_group", gateway_.notes);
    gateway_.groups.push_back(std::move(group_));
    return {};
  }

 private:
  Result<void> members(const Statement& s) {
    if (!group_.members.empty())
      return fail("group: there is one already, and keepalived ignores this one");
    for (const auto& item : one_by_one(s)) group_.members.push_back(item.keyword());
    return {};
  }
  Result<void> track_script(const Statement& s) {
    read_tracked(s, "check", group_.tracked, gateway_);
    return {};
  }
  Result<void> track_interface(const Statement& s) {
    read_tracked(s, "interface", group_.tracked, gateway_);
    return {};
  }
  Result<void> track_process(const Statement& s) {
    read_tracked(s, "process", group_.tracked, gateway_);
    return {};
  }
  Result<void> weights(const Statement&) {
    group_.has_weights = true;
    return {};
  }
  Result<void> notify(const Statement& s) {
    return read_notify(s, "GROUP", group_.name, group_.notify, gateway_);
  }

  Gateway& gateway_;
  SyncGroup group_;
};

// keepalived: "ignoring tracked script with weights due to SYNC group". Priorities that move apart
// would have members want different nodes. Of an interface it ignores the weight alone.
void drop_weighted(VirtualRouter& router, Notes& notes) {
  std::erase_if(router.tracked, [&](Tracked& item) {
    if (item.weight.value_or(0) == 0) return false;
    if (item.kind == "interface") {
      item.weight = 0;
      notes.trap(item.place, item.name +
                                 ": keepalived ignores its weight in a member of a sync "
                                 "group, and so its failing moves the group; here, too");
      return false;
    }
    notes.trap(item.place,
               item.name +
                   " has a weight, and keepalived ignores it in a member of a "
                   "sync group; so it is not carried over. Without a weight it would move "
                   "the group");
    return true;
  });
}

void append(std::vector<NotifyScript>& to, const std::vector<NotifyScript>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Members change together, so the first one's changes tell the group's.
void join(const SyncGroup& group, Gateway& gateway) {
  bool is_first = true;
  for (const auto& name : group.members) {
    const auto router = std::ranges::find(gateway.routers, name, &VirtualRouter::name);
    if (router == gateway.routers.end()) {
      gateway.notes.lost(group.place, "vrrp_sync_group " + group.name + ": " + shown(name) +
                                          " is no vrrp_instance that was carried over");
      continue;
    }
    if (router->table.find("sync_group") != nullptr) {
      gateway.notes.lost(group.place, "vrrp_sync_group " + group.name + ": " + shown(name) +
                                          " is in another one already; keepalived leaves it there, "
                                          "too");
      continue;
    }
    router->table.set("sync_group", toml(group.name), group.place);
    if (!group.has_weights) drop_weighted(*router, gateway.notes);
    router->tracked.insert(router->tracked.end(), group.tracked.begin(), group.tracked.end());
    if (!std::exchange(is_first, false)) continue;
    append(router->notify.active, group.notify.active);
    append(router->notify.backup, group.notify.backup);
    append(router->notify.fault, group.notify.fault);
    append(router->notify.stop, group.notify.stop);
  }
}

void write_tracked(VirtualRouter& router, Notes& notes) {
  for (const auto& item : router.tracked) {
    const int weight = item.weight.value_or(0);
    if (item.kind == "interface" && item.name == router.interface) {
      notes.implied(item.place, item.name +
                                    ": without its own interface a virtual router is in Fault, "
                                    "whatever the weight");
      continue;
    }
    if (item.is_reversed) {
      notes.lost(
          item.place,
          item.name + (item.kind == "interface"
                           ? " reverse: a link that is up is good, and takes no priority away"
                           : " reverse: a check counts as it is; turn its command round "
                             "(! COMMAND) and the sign of its weight"));
      continue;
    }
    if (weight != 0 && router.priority == 255) {
      notes.trap(item.place, item.name +
                                 ": the priority 255 of an owner does not move; keepalived "
                                 "ignores the weight, too");
      continue;
    }
    std::string value = "{ " + item.kind + " = " + toml(item.name);
    if (weight != 0) value += ", weight = " + std::to_string(weight);
    router.table.add("track", value + " }", item.place);
  }
}

void write_notify(Table& table, const char* key, const std::vector<NotifyScript>& scripts,
                  Notes& notes) {
  if (scripts.empty()) return;
  const auto& first = scripts.front();
  if (scripts.size() == 1 && first.appended.empty()) {
    table.set(key, toml(command_of(first.script)), first.script.place);
    return;
  }
  std::string line;
  for (const auto& script : scripts)
    line += (line.empty() ? "" : "; ") + shell_line(script.script, script.appended);
  table.set(key, toml(shell_command(line)), first.script.place);
  notes.implied(first.script.place,
                "notify: run by a shell, with the words that keepalived appends; what the shell "
                "runs is not looked at for who may write to it");
}

}  // namespace

Result<void> read_sync_group(const Statement& block, Gateway& gateway) {
  return GroupReader(gateway).read(block);
}

namespace {

// Each that is needed, where it was first named.
void collect_interfaces(Gateway& gateway) {
  const auto add = [&](const std::string& name, const Location& place) {
    const auto known = gateway.interfaces.find(name);
    if (known == gateway.interfaces.end() || place < known->second)
      gateway.interfaces.insert_or_assign(name, place);
  };
  for (const auto& router : gateway.routers) {
    add(router.interface, router.table.find("interface")->from);
    for (const auto& [device, place] : router.devices) add(device, place);
    for (const auto& item : router.tracked)
      if (item.kind == "interface" && !item.is_reversed) add(item.name, item.place);
  }
}

}  // namespace

void finish_routers(Gateway& gateway) {
  for (const auto& group : gateway.groups) join(group, gateway);
  collect_interfaces(gateway);
  for (auto& router : gateway.routers) {
    const auto first = gateway.notes.size();
    write_tracked(router, gateway.notes);
    write_notify(router.table, "notify.active", router.notify.active, gateway.notes);
    write_notify(router.table, "notify.backup", router.notify.backup, gateway.notes);
    write_notify(router.table, "notify.fault", router.notify.fault, gateway.notes);
    write_notify(router.table, "notify.stop", router.notify.stop, gateway.notes);
    auto comments = gateway.notes.place_from(first);
    router.table.comments.insert(router.table.comments.end(), comments.begin(), comments.end());
  }
}

}  // namespace tandem::importer
