// SPDX-License-Identifier: Apache-2.0
// What follows from several keywords of a vrrp_instance together: keepalived's defaults where they
// are not Tandem's, and what keepalived itself corrects or ignores, with a word about it.
#include <algorithm>

#include "ctl/import/instance.hpp"
#include "ctl/import/keywords.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<void> InstanceReader::finish() {
  if (router_.table.find("vrid") == nullptr)
    return fail("vrrp_instance " + shown(router_.name) +
                ": expected a virtual_router_id; without it keepalived does not run");
  if (router_.interface.empty())
    return fail("vrrp_instance " + shown(router_.name) +
                ": expected an interface, which Tandem needs with unicast, too");
  finish_addresses();
  if (router_.addresses.empty()) {
    notes_.lost(block_.place, "vrrp_instance " + router_.name +
                                  ": has no address, and Tandem "
                                  "has no virtual router without one");
    return {};
  }
  finish_priority();
  finish_version();
  finish_strict();
  finish_group();
  finish_interval();
  finish_signatures();
  finish_password();
  finish_preemption();
  finish_source_check();
  find_routed_peers();
  finish_announcements();
  use_default(gateway_.defaults.startup_delay);
  if (!is_strict_) use_default(gateway_.defaults.down_adverts);
  return {};
}

// Without a priority it follows from the state.
void InstanceReader::finish_priority() {
  constexpr int kOwner = 255;
  if (router_.table.find("priority") == nullptr) {
    if (router_.starts_as_master) router_.priority = kOwner;
    router_.table.set("priority", std::to_string(router_.priority), block_.place,
                      "as keepalived without a priority");
    if (router_.starts_as_master)
      notes_.trap(block_.place, "vrrp_instance " + router_.name +
                                    ": state MASTER without a priority is 255 to keepalived, the "
                                    "owner of the addresses, which no weight moves");
  }
  if (!has_state_) router_.starts_as_master = router_.priority == kOwner;
}

// What keepalived takes back of an instance in strict mode.
void InstanceReader::finish_strict() {
  if (!is_strict_) return;
  router_.starts_as_master = router_.priority == 255;
  for (const char* key : {"preempt_delay", "down_adverts"}) {
    const auto* setting = router_.table.find(key);
    if (setting == nullptr) continue;
    notes_.trap(setting->from, std::string(key) +
                                   ": keepalived has none in strict mode; it is left "
                                   "out here, too");
    std::erase_if(router_.table.settings, [&](const Setting& s) { return s.key == key; });
  }
  const auto* accept = router_.table.find("accept");
  if (router_.priority == 255) return;
  if (accept == nullptr || (router_.version == 2 && accept->value == "true"))
    router_.table.set("accept", "false", block_.place, "as keepalived's strict mode has it");
}

// The multicast group of adverts, where it is not the standard's.
void InstanceReader::finish_group() {
  const bool v4 = router_.family == Family::ipv4;
  const auto& all = v4 ? gateway_.defaults.group4 : gateway_.defaults.group6;
  if (group_ && group_->first.family() != router_.family) {
    notes_.lost(group_->second,
                "mcast_dst_ip: is of the other family; keepalived leaves it out, "
                "too");
    group_.reset();
  }
  const auto& group = group_ ? group_ : all;
  if (group && !has_unicast_peers_ &&
      group->first != *IpAddress::parse(v4 ? "224.0.0.18" : "ff02::12"))
    router_.table.set("group", toml(group->first.to_string()), group->second);
}

// keepalived's default is 2, but for IPv6.
void InstanceReader::finish_version() {
  router_.family = router_.addresses.front().family();
  if (router_.family == Family::ipv6 && router_.version == 2) {
    const auto* written = router_.table.find("version");
    if (written != nullptr)
      notes_.lost(
          written->from,
          "version 2: no standard has it for IPv6, and it is 3 here; keepalived sends 2 all "
          "the same, and so the two drop each other's adverts: write version 3 on both "
          "nodes");
    router_.version = 3;
  }
  const auto* written = router_.table.find("version");
  router_.table.set("version", std::to_string(router_.version),
                    written != nullptr ? written->from : block_.place);
  if (has_message_checksum_ && router_.version == 3 && router_.family == Family::ipv4)
    router_.table.set("checksum", "\"message\"", block_.place, "as v3_checksum_as_v2");
}

namespace {

// To the nearest multiple, a half upwards.
Duration rounded(Duration value, Duration step) {
  return (value + step / 2) / step * step;
}

}  // namespace

void InstanceReader::finish_interval() {
  auto [interval, place] = interval_.value_or(std::pair(Duration(seconds(1)), block_.place));
  const Duration asked = interval;
  if (router_.version == 2) {
    interval = std::max(rounded(interval, seconds(1)), Duration(seconds(1)));
    if (interval != asked)
      notes_.trap(place, "advert_int: version 2 has whole seconds only; keepalived rounds " +
                             toml(asked) + " to " + toml(interval) +
                             ", too. Version 3 on both nodes has less");
  } else {
    interval = std::min<Duration>(rounded(interval, milliseconds(10)), milliseconds(40950));
    if (interval != asked)
      notes_.trap(place, "advert_int: version 3 has whole hundredths of a second, to 40.95 s; " +
                             toml(asked) + " became " + toml(interval));
  }
  router_.table.set("advert_interval", toml(interval), place);
}

// keepalived: "will not work with initial state MASTER - clearing"; nor does it with priority 255.
void InstanceReader::finish_preemption() {
  auto& settings = router_.table.settings;
  if (nopreempt_ && router_.priority == 255 && !router_.starts_as_master) {
    notes_.trap(*nopreempt_,
                "nopreempt: keepalived ignores it with the priority 255, and so it is "
                "not carried over");
    return;
  }
  const auto* waits = router_.table.find("preempt_delay");
  if (nopreempt_ && waits != nullptr && !router_.starts_as_master) {
    notes_.trap(waits->from, "preempt_delay: has no effect with nopreempt, with keepalived, too");
    std::erase_if(settings, [](const Setting& s) { return s.key == "preempt_delay"; });
  }
  if (router_.starts_as_master) {
    if (nopreempt_)
      notes_.trap(*nopreempt_,
                  "nopreempt: keepalived ignores it where state is MASTER, and so it is "
                  "not carried over; write preempt = false if it is wanted");
    const auto* delay = router_.table.find("preempt_delay");
    if (delay != nullptr) {
      notes_.trap(delay->from,
                  "preempt_delay: keepalived ignores it where state is MASTER, and so "
                  "it is not carried over");
      std::erase_if(settings, [](const Setting& s) { return s.key == "preempt_delay"; });
    }
    return;
  }
  if (nopreempt_) router_.table.set("preempt", "false", *nopreempt_);
}

// keepalived takes unicast adverts from anybody, unless it is told to look.
void InstanceReader::finish_source_check() {
  if (has_unicast_peers_ && !checks_source_)
    router_.table.set("check_unicast_source", "false", block_.place,
                      "as keepalived without check_unicast_src");
}

void InstanceReader::finish_announcements() {
  use_default(gateway_.defaults.garp_repeat);
  use_default(gateway_.defaults.garp_delay);
  use_default(gateway_.defaults.garp_refresh);
  use_default(gateway_.defaults.garp_interval);
}

void InstanceReader::use_default(const std::optional<Setting>& setting) {
  if (setting && router_.table.find(setting->key) == nullptr)
    router_.table.settings.push_back(*setting);
}

Result<void> read_vrrp_instance(const Statement& block, Gateway& gateway) {
  if (gateway.routers.size() == kMostRouters) return fail("expected at most 512 virtual routers");
  return InstanceReader(block, gateway).read();
}

}  // namespace tandem::importer
