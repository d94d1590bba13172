// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/sysctls.hpp"

#include <algorithm>
#include <array>

namespace tandem::doctor {
namespace {

bool has_local(const config::Config& config) {
  return std::ranges::any_of(config.services,
                             [](const auto& s) { return s.forward == config::Forward::local; });
}
bool always(const config::Config&) {
  return true;
}

// A setting that has to have at least some value, where it matters at all.
struct Least {
  Check check;
  const char* key;
  std::int64_t value;
  Severity severity;
  bool (*matters)(const config::Config& config);
  std::int64_t better;  // what it is set to: more costs nothing
};
constexpr std::array kLeast{
    Least{Check::kernel_jit, "net/core/bpf_jit_enable", 1, Severity::warning, always, 1},
    Least{Check::somaxconn, "net/core/somaxconn", 4096, Severity::warning, has_local, 4096},
    Least{Check::syn_backlog, "net/ipv4/tcp_max_syn_backlog", 1024, Severity::warning, has_local,
          4096},
    Least{Check::device_backlog, "net/core/netdev_max_backlog", 1000, Severity::warning, has_local,
          1000},
    Least{Check::file_max, "fs/file-max", 262'144, Severity::warning, has_local, 1'048'576},
};

constexpr const char* kConntrackMax = "net/netfilter/nf_conntrack_max";
constexpr const char* kConntrackCount = "net/netfilter/nf_conntrack_count";
constexpr std::int64_t kConntrackWanted = 262'144;
constexpr const char* kForward4 = "net/ipv4/ip_forward";
constexpr const char* kForward6 = "net/ipv6/conf/all/forwarding";

std::string dotted(const std::string& key) {
  if (key.find('.') != std::string::npos) return key;  // sysctl(8) takes either, never a mixture
  std::string name = key;
  std::ranges::replace(name, '/', '.');
  return name;
}

void judge_least(const Least& least, const Sysctls& sysctls, Findings& findings) {
  const auto value = sysctls.find(least.key);
  if (!value) return;  // not in this network namespace, or not in this kernel
  const std::string name = dotted(least.key);
  if (*value >= least.value) return findings.good(least.check, name, std::to_string(*value));
  findings.add(least.check, least.severity, name,
               std::to_string(*value) + ", expected at least " + std::to_string(least.value),
               sysctl_command(least.key, least.better), {sysctl_action(least.key, least.better)});
}

void judge_conntrack(const config::Config& config, const Sysctls& sysctls, Findings& findings) {
  const auto max = sysctls.find(kConntrackMax);
  const auto count = sysctls.find(kConntrackCount);
  if (!max || !has_local(config)) return;
  const std::string used =
      std::to_string(count.value_or(0)) + " connections of at most " + std::to_string(*max);
  const bool nearly_full = count && *count > *max - *max / 5;
  const std::int64_t wanted = std::max(kConntrackWanted, nearly_full ? *max * 2 : 0);
  if (nearly_full)
    findings.add(Check::conntrack, Severity::error, "conntrack", used + ": nearly full",
                 sysctl_command(kConntrackMax, wanted), {sysctl_action(kConntrackMax, wanted)});
  else if (*max < kConntrackWanted)
    findings.add(Check::conntrack, Severity::warning, "conntrack",
                 used + ", expected room for " + std::to_string(kConntrackWanted),
                 sysctl_command(kConntrackMax, wanted), {sysctl_action(kConntrackMax, wanted)});
  else
    findings.good(Check::conntrack, "conntrack", used);
}

// Not for --fix: forwarding opens the node as a router.
void judge_forwarding(const config::Config& config, const Sysctls& sysctls, Findings& findings) {
  for (const auto& [family, key] :
       {std::pair{Family::ipv4, kForward4}, std::pair{Family::ipv6, kForward6}}) {
    const bool nat = std::ranges::any_of(config.services, [&](const auto& s) {
      return s.forward == config::Forward::nat && s.address.family() == family;
    });
    if (!nat || sysctls.find(key).value_or(1) != 0) continue;
    findings.add(Check::ip_forward, Severity::note, dotted(key),
                 "0: what the backends of nat send beside their flows is not forwarded",
                 sysctl_command(key, 1));
  }
}

}  // namespace

std::optional<std::int64_t> Sysctls::find(const std::string& key) const {
  const auto it = values.find(key);
  return it == values.end() ? std::nullopt : std::optional(it->second);
}

std::int64_t Sysctls::of_interface(const std::string& name, const std::string& key) const {
  return std::max(find(interface_key("all", key)).value_or(0),
                  find(interface_key(name, key)).value_or(0));
}

Sysctls read_sysctls(const Root& root, const std::set<std::string>& interfaces) {
  std::vector<std::string> keys{kConntrackMax,
                                kConntrackCount,
                                kForward4,
                                kForward6,
                                "net/ipv4/ip_nonlocal_bind",
                                "net/ipv6/ip_nonlocal_bind"};
  for (const Least& least : kLeast) keys.emplace_back(least.key);
  for (const char* key : {"rp_filter", "arp_ignore"}) {
    keys.push_back(interface_key("all", key));
    for (const auto& name : interfaces) keys.push_back(interface_key(name, key));
  }
  Sysctls sysctls;
  for (const auto& key : keys)
    if (const auto value = root.number("proc/sys/" + key)) sysctls.values[key] = *value;
  return sysctls;
}

std::string interface_key(const std::string& name, const std::string& key) {
  return "net/ipv4/conf/" + name + "/" + key;
}

std::string sysctl_command(const std::string& key, std::int64_t value) {
  return "sysctl -w " + dotted(key) + "=" + std::to_string(value);
}

Action sysctl_action(const std::string& key, std::int64_t value) {
  return {Action::Kind::sysctl, key, std::to_string(value)};
}

std::string sysctl_line(const Action& action) {
  return dotted(action.target) + " = " + action.value;
}

void judge_sysctls(const config::Config& config, const Sysctls& sysctls, Findings& findings) {
  for (const Least& least : kLeast)
    if (least.matters(config)) judge_least(least, sysctls, findings);
  judge_conntrack(config, sysctls, findings);
  judge_forwarding(config, sysctls, findings);
}

}  // namespace tandem::doctor
