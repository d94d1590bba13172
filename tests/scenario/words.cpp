// SPDX-License-Identifier: Apache-2.0
#include "words.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>

#include "base/overloaded.hpp"

namespace tandem::scenario {
namespace {

std::uint8_t parse_byte(const std::string& text) {
  return static_cast<std::uint8_t>(std::stoi(text));
}

wire::AddressList parse_addresses(std::string_view text) {
  wire::AddressList list;
  for (const auto& one : split(text, ',')) list.push_back(parse_address(one));
  return list;
}

wire::Password parse_password(std::string_view text) {
  wire::Password password{};
  std::ranges::copy(text.substr(0, password.size()), password.begin());
  return password;
}

// "nginx" or "nginx:-60", comma separated.
std::vector<vrrp::Tracked> parse_tracked(std::string_view text) {
  std::vector<vrrp::Tracked> list;
  for (const auto& one : split(text, ',')) {
    const auto parts = split(one, ':');
    auto& tracked = list.emplace_back(vrrp::Tracked{parts[0], track_source(parts[0]), {}});
    if (parts.size() > 1) tracked.weight = std::stoi(parts[1]);
  }
  return list;
}

const char* word(vrrp::Cause cause) {
  using vrrp::Cause;
  static const std::map<Cause, const char*> words = {
      {Cause::startup, "startup"},
      {Cause::owner, "owner"},
      {Cause::down_timer, "down_timer"},
      {Cause::peer_resigned, "peer_resigned"},
      {Cause::higher_priority, "higher_priority"},
      {Cause::address_tie, "address_tie"},
      {Cause::tracked_failed, "tracked_failed"},
      {Cause::tracked_recovered, "tracked_recovered"},
      {Cause::interface_down, "interface_down"},
      {Cause::interface_recovered, "interface_recovered"},
      {Cause::stalled, "stalled"},
      {Cause::handed_over, "handed_over"},
      {Cause::sync_group, "sync_group"},
      {Cause::reload, "reload"},
      {Cause::shutdown, "shutdown"},
      {Cause::preempted, "preempted"},
      {Cause::unsent, "unsent"},
      {Cause::unserved, "unserved"},
  };
  return words.at(cause);
}

const char* word(vrrp::Matter matter) {
  using vrrp::Matter;
  static const std::map<Matter, const char*> words = {
      {Matter::adverts_stuck, "adverts_stuck"},
      {Matter::adverts_leave, "adverts_leave"},
      {Matter::nobody_took, "nobody_took"},
      {Matter::unfit_peer, "unfit_peer"},
      {Matter::stalled, "stalled"},
      {Matter::interval_bounded, "interval_bounded"},
      {Matter::held_back, "held_back"},
      {Matter::unserved, "unserved"},
      {Matter::adverts_lost, "adverts_lost"},
      {Matter::second_active, "second_active"},
  };
  return words.at(matter);
}

}  // namespace

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

Duration parse_time(std::string_view text) {
  std::size_t used = 0;
  const double number = std::stod(std::string(text), &used);
  const std::string_view unit = text.substr(used);
  if (unit == "ms") return Duration(std::llround(number * 1e6));
  if (unit == "s") return Duration(std::llround(number * 1e9));
  throw std::invalid_argument("no time: " + std::string(text));
}

IpAddress parse_address(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) throw std::invalid_argument("no address: " + std::string(text));
  return *address;
}

std::uint16_t track_source(std::string_view name) {
  static std::map<std::string, std::uint16_t, std::less<>> sources;
  const auto next = static_cast<std::uint16_t>(sources.size());
  return sources.try_emplace(std::string(name), next).first->second;
}

Plan default_plan() {
  Plan plan;
  plan.settings.vrid = 51;
  plan.settings.addresses = {parse_address("192.0.2.100")};
  plan.settings.garp_repeat = 1;
  plan.settings.garp_delay = {};
  plan.settings.garp_refresh = {};
  plan.source = parse_address("192.0.2.2");
  return plan;
}

void set(Plan& plan, std::string_view key, const std::string& value) {
  vrrp::Settings& s = plan.settings;
  const std::map<std::string_view, std::function<void()>> setters = {
      {"vrid", [&] { s.vrid = parse_byte(value); }},
      {"version", [&] { s.version = parse_byte(value); }},
      {"priority", [&] { s.priority = parse_byte(value); }},
      {"interval", [&] { s.advert_interval = parse_time(value); }},
      {"down_adverts", [&] { s.down_adverts = std::stoi(value); }},
      {"preempt", [&] { s.preempt = value == "yes"; }},
      {"preempt_delay", [&] { s.preempt_delay = parse_time(value); }},
      {"waits_for_flows", [&] { s.waits_for_flows = value == "yes"; }},
      {"backends_patience", [&] { s.backends_patience = parse_time(value); }},
      {"startup_delay", [&] { s.startup_delay = parse_time(value); }},
      {"link_up_delay", [&] { s.link_up_delay = parse_time(value); }},
      {"max_learned_interval", [&] { s.max_learned_interval = parse_time(value); }},
      {"addresses", [&] { s.addresses = parse_addresses(value); }},
      {"password", [&] { s.password = parse_password(value); }},
      {"peers",
       [&] {
         for (const auto& one : split(value, ',')) s.unicast_peers.push_back(parse_address(one));
       }},
      {"group", [&] { s.group = parse_address(value); }},
      {"check_source", [&] { s.check_unicast_source = value == "yes"; }},
      {"track", [&] { s.tracked = parse_tracked(value); }},
      {"sync_group", [&] { s.sync_group = value; }},
      {"garp_repeat", [&] { s.garp_repeat = std::stoi(value); }},
      {"garp_delay", [&] { s.garp_delay = parse_time(value); }},
      {"garp_refresh", [&] { s.garp_refresh = parse_time(value); }},
      {"garp_interval", [&] { s.garp_interval = parse_time(value); }},
      {"source", [&] { plan.source = parse_address(value); }},
      {"usable", [&] { plan.usable = value == "yes"; }},
  };
  const auto setter = setters.find(key);
  if (setter == setters.end()) throw std::invalid_argument("no setting: " + std::string(key));
  setter->second();
  s.family = s.addresses.at(0).family();
}

wire::ReceivedAdvert default_advert(const Plan& plan) {
  const vrrp::Settings& s = plan.settings;
  wire::ReceivedAdvert received;
  received.advert = {s.family,          s.version,   s.vrid,     100,
                     s.advert_interval, s.addresses, s.password, s.checksum};
  const bool v4 = s.family == Family::ipv4;
  received.source = parse_address(v4 ? "192.0.2.3" : "fe80::3");
  received.destination = s.unicast_peers.empty() ? s.multicast_group() : plan.source;
  return received;
}

void set(wire::ReceivedAdvert& received, std::string_view key, const std::string& value) {
  wire::Advert& a = received.advert;
  const std::map<std::string_view, std::function<void()>> setters = {
      {"prio", [&] { a.priority = parse_byte(value); }},
      {"vrid", [&] { a.vrid = parse_byte(value); }},
      {"version", [&] { a.version = parse_byte(value); }},
      {"interval", [&] { a.interval = parse_time(value); }},
      {"addresses", [&] { a.addresses = parse_addresses(value); }},
      {"password", [&] { a.password = parse_password(value); }},
      {"from", [&] { received.source = parse_address(value); }},
      {"to", [&] { received.destination = parse_address(value); }},
  };
  const auto setter = setters.find(key);
  if (setter == setters.end()) throw std::invalid_argument("no advert field: " + std::string(key));
  setter->second();
}

std::string describe(Duration time) {
  std::ostringstream text;
  text.precision(12);
  text << static_cast<double>(time.count()) / 1e6 << "ms";
  return text.str();
}

std::string describe(const vrrp::Action& action) {
  using namespace vrrp;
  return std::visit(
      Overloaded{
          [](const GrantLease& a) { return "lease " + describe(a.deadline - kOrigin); },
          [](const RevokeLease&) { return std::string("revoke"); },
          [](const SendAdvert& a) { return "advert " + std::to_string(a.priority); },
          [](const Announce& a) { return "announce " + std::to_string(a.address); },
          [](const InstallAddresses&) { return std::string("install"); },
          [](const RemoveAddresses&) { return std::string("remove"); },
          [](const Transition& a) {
            std::string text = std::string("state ") + to_string(a.to) + " cause " + word(a.cause);
            if (a.peer.is_unspecified()) return text;
            return text + " peer " + a.peer.to_string() + " " + std::to_string(a.peer_priority);
          },
          [](const Notice& a) { return std::string("notice ") + word(a.matter); },
      },
      action);
}

vrrp::RouterId router_of(const vrrp::Action& action) {
  return std::visit([](const auto& a) { return a.router; }, action);
}

std::string describe(const vrrp::Status& s, std::string_view key) {
  const std::map<std::string_view, std::function<std::string()>> getters = {
      {"priority", [&] { return std::to_string(s.effective_priority); }},
      {"handover", [&] { return std::string(to_string(s.handover)); }},
      {"stalls", [&] { return std::to_string(s.stalls); }},
      {"handed_over", [&] { return std::string(s.handed_over ? "yes" : "no"); }},
      {"waits_for_flows", [&] { return std::string(s.waits_for_flows ? "yes" : "no"); }},
      {"held_back", [&] { return std::string(s.held_back ? "yes" : "no"); }},
      {"waits_for_backends", [&] { return std::string(s.waits_for_backends ? "yes" : "no"); }},
      {"peer", [&] { return s.peer.to_string(); }},
      {"peer_priority", [&] { return std::to_string(s.peer_priority); }},
      {"lowest_peer_priority", [&] { return std::to_string(s.lowest_peer_priority); }},
      {"active_adver_interval", [&] { return describe(s.active_adver_interval); }},
      {"skew_time", [&] { return describe(s.skew_time); }},
      {"active_down_interval", [&] { return describe(s.active_down_interval); }},
      {"rivals_heard", [&] { return std::to_string(s.rivals_heard); }},
      {"addresses_differ", [&] { return std::string(s.addresses_differ ? "yes" : "no"); }},
      {"address_mismatches", [&] { return std::to_string(s.address_mismatches); }},
      {"interval_mismatches", [&] { return std::to_string(s.interval_mismatches); }},
      {"received", [&] { return std::to_string(s.adverts_received); }},
      {"unsent", [&] { return std::to_string(s.adverts_unsent); }},
      {"sent", [&] { return std::to_string(s.adverts_sent); }},
      {"transitions", [&] { return std::to_string(s.transitions); }},
      {"cause", [&] { return std::string(word(s.cause)); }},
      {"state", [&] { return std::string(to_string(s.state)); }},
  };
  const auto getter = getters.find(key);
  if (getter == getters.end()) throw std::invalid_argument("no status: " + std::string(key));
  return getter->second();
}

}  // namespace tandem::scenario
