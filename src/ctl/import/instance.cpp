// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/instance.hpp"

#include <algorithm>
#include <array>

#include "ctl/import/keywords.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using Kind = Note::Kind;

constexpr std::array kInstanceFates{
    Fate{"vrf", Kind::lost, "a virtual router is on the interface that it names"},
    Fate{"use_vmac_addr", Kind::lost, "the virtual MAC is on the virtual router's interface only"},
    Fate{"use_ipvlan", Kind::lost, "addresses are put on the interface itself"},
    Fate{"vmac_xmit_base", Kind::lost, "adverts come from the virtual MAC, as RFC 9568, 7.2 asks"},
    Fate{"native_ipv6", Kind::implied, "the addresses tell the family"},
    Fate{"dont_track_primary", Kind::lost, "a virtual router whose interface is down is in Fault"},
    Fate{"track_file", Kind::lost,
         "no number is read from a file; a [[check]] with a command may read it, and move the "
         "priority by one weight"},
    Fate{"track_bfd", Kind::lost, "there is no BFD"},
    Fate{"track_src_ip", Kind::implied, "without a source address it is in Fault"},
    Fate{"unicast_fault_no_peer", Kind::implied, "without peers adverts are multicast"},
    Fate{"old_unicast_checksum", Kind::lost, "this form of checksum is not sent"},
    Fate{"garp_lower_prio_delay", Kind::implied,
         "announcements follow every hint of another Active"},
    Fate{"garp_lower_prio_repeat", Kind::implied,
         "announcements follow every hint of another Active"},
    Fate{"garp_master_refresh_repeat", Kind::lost, "a refresh is one round"},
    Fate{"vmac_garp_intvl", Kind::lost, "only the interface that has an address announces it"},
    Fate{"garp_extra_if", Kind::lost, "only the interface that has an address announces it"},
    Fate{"lower_prio_no_advert", Kind::lost, "a lower advert is answered, as RFC 9568 has it"},
    Fate{"higher_prio_send_advert", Kind::lost, "an Active that yields is silent"},
    Fate{"promote_secondaries", Kind::lost, "set the sysctl promote_secondaries of the interface"},
    Fate{"skip_check_adv_addr", Kind::implied,
         "other addresses in an advert are counted, and do not refuse it"},
    Fate{"debug", Kind::implied, "it does nothing in keepalived either"},
    Fate{"notify_deleted", Kind::lost, "no command is run when a reload takes it away"},
    Fate{"notify_master_rx_lower_pri", Kind::lost, "no command is run for a lower advert"},
    Fate{"notify_priority_changes", Kind::lost, "there is no FIFO of events"},
    Fate{"smtp_alert", Kind::lost, kNoMail},
    Fate{"kernel_rx_buf_size", Kind::implied, "adverts come through a ring buffer"},
    Fate{"linkbeat_use_polling", Kind::implied, "the kernel tells the state of links"},
    Fate{"lvs_sync_daemon_interface", Kind::lost, "IPVS's daemon does not know Tandem's flows"},
};

}  // namespace

InstanceReader::InstanceReader(const Statement& block, Gateway& gateway)
    : block_(block), gateway_(gateway), notes_(gateway.notes) {
  router_.table = {"[[vrrp]]", block.place, {}, {}};
  router_.version = gateway.defaults.version;
  checks_source_ = gateway.defaults.check_unicast_source;
  has_message_checksum_ = gateway.defaults.has_message_checksum;
  is_strict_ = gateway.defaults.is_strict;
}

void InstanceReader::read_keywords() {
  using R = InstanceReader;
  static constexpr std::array kKeywords{
      Keyword<R>{"state", &R::state, 2, true},
      Keyword<R>{"interface", &R::interface},
      Keyword<R>{"virtual_router_id", &R::vrid},
      Keyword<R>{"priority", &R::priority},
      Keyword<R>{"version", &R::version, 2, true},
      Keyword<R>{"advert_int", &R::advert_int},
      Keyword<R>{"authentication", &R::authentication},
      Keyword<R>{"auth_hmac", &R::signatures},
      Keyword<R>{"virtual_ipaddress", &R::addresses},
      Keyword<R>{"virtual_ipaddress_excluded", &R::excluded_addresses},
      Keyword<R>{"virtual_routes", &R::routes},
      Keyword<R>{"virtual_rules", &R::routes},
      Keyword<R>{"mcast_dst_ip", &R::group},
      Keyword<R>{"v3_checksum_as_v2", &R::message_checksum},
      Keyword<R>{"unicast_src_ip", &R::source},
      Keyword<R>{"mcast_src_ip", &R::source},
      Keyword<R>{"unicast_peer", &R::unicast_peers},
      Keyword<R>{"unicast_ttl", &R::unicast_ttl},
      Keyword<R>{"check_unicast_src", &R::check_source},
      Keyword<R>{"track_script", &R::track_script},
      Keyword<R>{"track_interface", &R::track_interface},
      Keyword<R>{"track_process", &R::track_process},
      Keyword<R>{"preempt", &R::preempt},
      Keyword<R>{"nopreempt", &R::nopreempt},
      Keyword<R>{"preempt_delay", &R::preempt_delay},
      Keyword<R>{"down_timer_adverts", &R::down_adverts},
      Keyword<R>{"garp_master_repeat", &R::garp_repeat},
      Keyword<R>{"garp_master_delay", &R::garp_delay},
      Keyword<R>{"garp_master_refresh", &R::garp_refresh},
      Keyword<R>{"use_vmac", &R::use_vmac, 3},
      Keyword<R>{"accept", &R::accept},
      Keyword<R>{"no_accept", &R::accept},
      Keyword<R>{"strict_mode", &R::strict},
      Keyword<R>{"notify_master", &R::notify, 4, true},
      Keyword<R>{"notify_backup", &R::notify, 4, true},
      Keyword<R>{"notify_fault", &R::notify, 4, true},
      Keyword<R>{"notify_stop", &R::notify, 4, true},
      Keyword<R>{"notify", &R::notify, 4, true},
  };
  read_block<R>(*this, block_.inside, kKeywords, kInstanceFates, "vrrp_instance", notes_);
}

Result<void> InstanceReader::read() {
  const auto name = text_at(block_);
  if (!name) return std::unexpected(name.error());
  const auto is_same = [&](const auto& known) { return known.name == *name; };
  if (const auto known = std::ranges::find_if(gateway_.routers, is_same);
      known != gateway_.routers.end())
    return fail("vrrp_instance " + shown(*name) + ": is there already (" +
                known->table.from.to_string() + "), and keepalived leaves out this one");
  router_.name = *name;
  router_.table.set("name", toml(*name), block_.place);
  const auto first = notes_.size();
  read_keywords();
  if (auto done = finish(); !done) return done;
  router_.table.comments = notes_.place_from(first);
  if (!router_.addresses.empty()) gateway_.routers.push_back(std::move(router_));
  return {};
}

Result<void> InstanceReader::state(const Statement& s) {
  if (s.word(1) != "MASTER" && s.word(1) != "BACKUP") {
    router_.starts_as_master = false;
    has_state_ = true;
    return fail(unexpected_word(s, 1, "MASTER or BACKUP").error().message +
                "; keepalived takes BACKUP");
  }
  if (router_.starts_as_master && s.word(1) == "BACKUP")
    return fail("state BACKUP: MASTER stands before it, and keepalived stays with that");
  router_.starts_as_master = s.word(1) == "MASTER";
  has_state_ = true;
  notes_.implied(s.place, described(s,
                                    "it starts as Backup and the priorities decide, except "
                                    "that 255 is Active at once"));
  return {};
}

Result<void> InstanceReader::interface(const Statement& s) {
  const auto name = text_at(s);
  if (!name) return std::unexpected(name.error());
  if (*name == "lo")
    return fail(described(s, "no adverts go over the loopback; keepalived ignores it, too"));
  router_.interface = *name;
  router_.table.set("interface", toml(*name), s.place);
  return {};
}

Result<void> InstanceReader::vrid(const Statement& s) {
  return set_number("vrid", s, integer_at(s, 1, 255));
}

Result<void> InstanceReader::priority(const Statement& s) {
  const auto priority = integer_at(s, 1, 255);
  constexpr int kDefault = 100;
  router_.priority = priority ? static_cast<int>(*priority) : kDefault;
  router_.table.set("priority", std::to_string(router_.priority), s.place);
  if (!priority) return fail(priority.error().message + "; keepalived takes 100");
  return {};
}

Result<void> InstanceReader::version(const Statement& s) {
  const auto version = leading_integer_at(s, 2, 3, notes_);
  if (!version) return std::unexpected(version.error());
  if (has_version_ && *version != router_.version)
    return fail(described(s, "version " + std::to_string(router_.version) +
                                 " stands before it, and keepalived stays with that"));
  // An IPv6 address in a line before this has told the version.
  if (*version == 2 && !addresses_.empty() && !addresses_.front().prefix.address.is_v4())
    return fail(described(s, "version 2 has no IPv6; keepalived takes version 3, too"));
  router_.version = static_cast<int>(*version);
  has_version_ = true;
  router_.table.set("version", std::to_string(*version), s.place);
  return {};
}

Result<void> InstanceReader::advert_int(const Statement& s) {
  const auto interval = seconds_at(s, milliseconds(10), seconds(255));
  if (!interval) return fail(interval.error().message + "; keepalived leaves it out");
  interval_ = {*interval, s.place};
  return {};
}

Result<void> InstanceReader::source(const Statement& s) {
  const auto address = address_at(s);
  if (!address) return std::unexpected(address.error());
  router_.source = *address;
  router_.table.set("unicast_source", toml(address->to_string()), s.place);
  return {};
}

Result<void> InstanceReader::unicast_ttl(const Statement& s) {
  const auto ttl = integer_at(s, 0, 255);
  if (!ttl) return std::unexpected(ttl.error());
  if (*ttl != 255)
    notes_.lost(s.place, described(s,
                                   "adverts are sent, and accepted, with 255 only (RFC 9568, "
                                   "7.1)"));
  return {};
}

Result<void> InstanceReader::check_source(const Statement&) {
  checks_source_ = true;
  return {};
}

Result<void> InstanceReader::track_script(const Statement& s) {
  read_tracked(s, "check", router_.tracked, gateway_);
  return {};
}
Result<void> InstanceReader::track_interface(const Statement& s) {
  read_tracked(s, "interface", router_.tracked, gateway_);
  return {};
}
Result<void> InstanceReader::track_process(const Statement& s) {
  read_tracked(s, "process", router_.tracked, gateway_);
  return {};
}

Result<void> InstanceReader::group(const Statement& s) {
  const auto group = address_at(s);
  if (!group) return std::unexpected(group.error());
  if (!group->is_multicast()) return unexpected_word(s, 1, "a multicast address");
  group_ = {*group, s.place};
  return {};
}

Result<void> InstanceReader::message_checksum(const Statement& s) {
  const auto flag = flag_at(s);
  if (!flag) return std::unexpected(flag.error());
  has_message_checksum_ = *flag;
  return {};
}

Result<void> InstanceReader::preempt(const Statement&) {
  nopreempt_.reset();
  return {};
}
Result<void> InstanceReader::nopreempt(const Statement& s) {
  nopreempt_ = s.place;
  return {};
}
Result<void> InstanceReader::preempt_delay(const Statement& s) {
  const auto delay = seconds_at(s, {}, seconds(1000));
  if (!delay) return fail(delay.error().message + "; keepalived leaves it out");
  router_.table.set("preempt_delay", toml(*delay), s.place);
  return {};
}
Result<void> InstanceReader::down_adverts(const Statement& s) {
  return set_number("down_adverts", s, leading_integer_at(s, 1, 100, notes_));
}
Result<void> InstanceReader::garp_repeat(const Statement& s) {
  auto repeat = integer_within(s, 0, 100, notes_);
  if (!repeat) return std::unexpected(repeat.error());
  router_.table.set("garp_repeat", std::to_string(std::max<std::int64_t>(*repeat, 1)), s.place);
  return {};
}
Result<void> InstanceReader::garp_delay(const Statement& s) {
  return set_duration("garp_delay", s, hours(1));
}
Result<void> InstanceReader::garp_refresh(const Statement& s) {
  return set_duration("garp_refresh", s, hours(24));
}

Result<void> InstanceReader::use_vmac(const Statement& s) {
  router_.table.set("mac", "\"virtual\"", s.place);
  if (s.words.size() > 1)
    notes_.implied(s.place, described(s, "a virtual MAC needs no interface of its own"));
  for (std::size_t n = 1; n < s.words.size(); ++n)
    if (s.words[n].find(':') != std::string::npos)
      notes_.lost(s.place, described(s, "the virtual MAC is that of RFC 9568, 7.3"));
  return {};
}

Result<void> InstanceReader::accept(const Statement& s) {
  router_.table.set("accept", s.keyword() == "accept" ? "true" : "false", s.place);
  return {};
}

Result<void> InstanceReader::strict(const Statement& s) {
  const auto flag = flag_at(s);
  if (!flag) return std::unexpected(flag.error());
  is_strict_ = *flag;
  if (is_strict_)
    notes_.lost(s.place, described(s,
                                   "there is no strict mode; what Tandem accepts and sends is in "
                                   "docs/architecture.md"));
  return {};
}

Result<void> InstanceReader::notify(const Statement& s) {
  return read_notify(s, "INSTANCE", router_.name, router_.notify, gateway_);
}

Result<void> InstanceReader::set_number(const char* key, const Statement& s,
                                        const Result<std::int64_t>& number) {
  if (!number) return std::unexpected(number.error());
  router_.table.set(key, std::to_string(*number), s.place);
  return {};
}

Result<void> InstanceReader::set_duration(const char* key, const Statement& s, Duration highest) {
  const auto duration = whole_seconds_within(s, {}, highest, notes_);
  if (!duration) return std::unexpected(duration.error());
  router_.table.set(key, toml(*duration), s.place);
  return {};
}

}  // namespace tandem::importer
