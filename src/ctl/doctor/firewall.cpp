// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/firewall.hpp"

#include <algorithm>

#include "ctl/doctor/program.hpp"
#include "wire/vrrp.hpp"

namespace tandem::doctor {
namespace {

std::string place_of(const Blocked& blocked) {
  return blocked.rule + " (table " + blocked.family + " " + blocked.table + ")";
}

std::string protocol_of(const config::Service& service) {
  return service.protocol == config::Protocol::tcp ? "tcp" : "udp";
}

// By the tool that owns the rules, or else at the head of each chain that drops.
std::string opening_commands(const config::Service& service, const Ruleset& rules,
                             const std::vector<Blocked>& blocked) {
  const std::string port = std::to_string(service.port);
  const std::string protocol = protocol_of(service);
  if (rules.has_table("firewalld"))
    return "firewall-cmd --permanent --add-port=" + port + "/" + protocol +
           "\nfirewall-cmd --reload";
  if (rules.has_chain("ufw")) return "ufw allow " + port + "/" + protocol;
  std::string commands;
  for (const Blocked& chain : blocked)
    commands += (commands.empty() ? "" : "\n") + std::string("nft insert rule ") + chain.family +
                " " + chain.table + " " + chain.chain + (service.address.is_v4() ? " ip" : " ip6") +
                " daddr " + service.address.to_string() + " " + protocol + " dport " + port +
                " accept";
  return commands;
}

std::string interface_of(const config::Config& config, const IpAddress& address) {
  for (const auto& router : config.vrrp)
    for (const auto& own : router.addresses)
      if (own.prefix.address == address) return router.interface;
  return "";
}

void judge_service(const config::Config& config, const config::Service& service,
                   const Ruleset& rules, Findings& findings) {
  const std::string port = protocol_of(service) + " port " + std::to_string(service.port);
  const auto blocked = rules.blocking({interface_of(config, service.address), service.address,
                                       static_cast<std::uint8_t>(service.protocol), service.port});
  const auto always = std::ranges::find_if(blocked, &Blocked::always);
  if (always != blocked.end())
    findings.add(Check::firewall_service, Severity::error, service.name,
                 port + " is dropped by " + place_of(*always),
                 opening_commands(service, rules, blocked));
  else if (!blocked.empty())
    findings.add(Check::firewall_service, Severity::note, service.name,
                 port + " is open to some only: " + place_of(blocked.front()) +
                     " drops the rest, on conditions that cannot be judged from here");
  else
    findings.good(Check::firewall_service, service.name, port + " is open");
}

void judge_vrrp(const config::Config& config, const Ruleset& rules, Findings& findings) {
  for (const auto& interface : config.interfaces) {
    const auto blocked =
        rules.blocking({interface.name, wire::vrrp_group(Family::ipv4), wire::kVrrpProtocol, 0});
    const auto always = std::ranges::find_if(blocked, &Blocked::always);
    if (always == blocked.end()) continue;
    findings.add(Check::firewall_vrrp, Severity::note, interface.name,
                 "protocol 112 is dropped by " + place_of(*always) +
                     ": Tandem's adverts pass by it, those of a keepalived on this host would not",
                 "nft insert rule " + always->family + " " + always->table + " " + always->chain +
                     " meta l4proto 112 accept");
  }
}

}  // namespace

Firewall read_firewall(const Root& root) {
  Firewall firewall;
  const auto names = words(root.text("proc/net/ip_tables_names").value_or("") + " " +
                           root.text("proc/net/ip6_tables_names").value_or(""));
  for (const auto& name : names)
    if (firewall.legacy_tables.find(name) == std::string::npos)
      firewall.legacy_tables += (firewall.legacy_tables.empty() ? "" : " ") + name;
  auto printed = output_of("nft", {"-j", "list", "ruleset"});
  if (!printed) {
    firewall.trouble = printed.error().message;
    return firewall;
  }
  auto rules = Ruleset::parse(*printed);
  if (rules)
    firewall.rules = std::move(*rules);
  else
    firewall.trouble = rules.error().message;
  return firewall;
}

void judge_firewall(const config::Config& config, const Firewall& firewall, Findings& findings) {
  if (!firewall.trouble.empty())
    findings.add(Check::firewall_legacy, Severity::note, "nftables",
                 "its rules were not looked at: " + firewall.trouble);
  if (!firewall.legacy_tables.empty())
    findings.add(Check::firewall_legacy, Severity::note, "iptables-legacy",
                 "has tables of its own, which were not looked at: " + firewall.legacy_tables,
                 "iptables-legacy -S INPUT");
  if (!firewall.rules) return;
  judge_vrrp(config, *firewall.rules, findings);
  for (const auto& service : config.services)
    if (service.forward == config::Forward::local)
      judge_service(config, service, *firewall.rules, findings);
}

}  // namespace tandem::doctor
