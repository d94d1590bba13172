// SPDX-License-Identifier: Apache-2.0
// What follows from several keywords of a vrrp_instance together: keepalived's defaults where they
// are not Tandem's, and what keepalived itself corrects or ignores, with a word about it.
#include <algorithm>

#include "import/instance.hpp"
#include "import/keywords.hpp"
#include "import/value.hpp"

namespace tandem::importer {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<void> InstanceReader::finish() {
  if (router_.table.find("vrid") == nullptr)
    return fail_at(block_.place,
                   "vrrp_instance " + shown(router_.name) + ": expected a virtual_router_id");
  if (router_.interface.empty())
    return fail_at(block_.place, "vrrp_instance " + shown(router_.name) +
                                     ": expected an interface, which Tandem needs with unicast, "
                                     "too");
  finish_addresses();
  if (router_.addresses.empty()) {
    notes_.lost(block_.place, "vrrp_instance " + router_.name +
                                  ": has no address, and Tandem "
                                  "has no virtual router without one");
    return {};
  }
  finish_version();
  finish_interval();
  finish_password();
  finish_preemption();
  finish_source_check();
  finish_announcements();
  if (is_strict_ && router_.table.find("accept") == nullptr && router_.priority != 255)
    router_.table.set("accept", "false", block_.place, "as keepalived's strict mode has it");
  use_default(gateway_.defaults.startup_delay);
  use_default(gateway_.defaults.down_adverts);
  return {};
}

// keepalived's default is 2, but for IPv6.
void InstanceReader::finish_version() {
  router_.family = router_.addresses.front().family();
  if (router_.family == Family::ipv6 && router_.version == 2) {
    if (has_version_)
      notes_.trap(block_.place, "version 2 has no IPv6; keepalived takes version 3, too");
    router_.version = 3;
  }
  const auto* written = router_.table.find("version");
  router_.table.set("version", std::to_string(router_.version),
                    written != nullptr ? written->from : block_.place);
}

void InstanceReader::finish_interval() {
  auto [interval, place] = interval_.value_or(std::pair(Duration(seconds(1)), block_.place));
  const Duration asked = interval;
  if (router_.version == 2) {
    interval = std::max(std::chrono::round<seconds>(interval), seconds(1));
    if (interval != asked)
      notes_.trap(place, "advert_int: version 2 has whole seconds only; keepalived rounds " +
                             toml(asked) + " to " + toml(interval) +
                             ", too. Version 3 on both nodes has less");
  } else {
    interval = std::min<Duration>(std::chrono::floor<milliseconds>(interval) / 10 * 10,
                                  milliseconds(40950));
    if (interval != asked)
      notes_.trap(place, "advert_int: version 3 has whole hundredths of a second, to 40.95 s; " +
                             toml(asked) + " became " + toml(interval));
  }
  router_.table.set("advert_interval", toml(interval), place);
}

void InstanceReader::finish_password() {
  if (!password_) return;
  const auto& [password, place] = *password_;
  if (router_.version != 2) {
    notes_.trap(place, "authentication: version 3 has none; keepalived ignores it, too");
    return;
  }
  constexpr std::size_t kMost = 8;  // RFC 2338, 5.3.10
  if (password.size() > kMost)
    notes_.trap(place, "auth_pass: only its first 8 characters count, with keepalived, too");
  router_.table.set("password", toml(password.substr(0, kMost)), place);
}

// keepalived: "will not work with initial state MASTER - clearing"
void InstanceReader::finish_preemption() {
  auto& settings = router_.table.settings;
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
  if (gateway.routers.size() == kMostRouters)
    return fail_at(block.place, "expected at most 512 virtual routers");
  return InstanceReader(block, gateway).read();
}

}  // namespace tandem::importer
