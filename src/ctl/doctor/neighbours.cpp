// SPDX-License-Identifier: Apache-2.0
// ARP and reverse paths: what this node's kernel does for virtual addresses beside the gate, and
// what the backends of dsr and tunnel have to be told.
#include <algorithm>

#include "ctl/doctor/interfaces.hpp"

namespace tandem::doctor {
namespace {

constexpr std::int64_t kStrict = 1;  // Linux, ip-sysctl: RFC 3704, strict
constexpr std::int64_t kLoose = 2;

void judge_rp_filter(const config::Config& config, const Sysctls& sysctls, Findings& findings) {
  for (const auto& interface : config.interfaces) {
    const std::string key = interface_key(interface.name, "rp_filter");
    if (!sysctls.find(key)) continue;
    if (sysctls.of_interface(interface.name, "rp_filter") != kStrict) {
      findings.good(Check::rp_filter, interface.name, "not strict");
      continue;
    }
    const bool several = config.interfaces.size() > 1;
    findings.add(Check::rp_filter, several ? Severity::warning : Severity::note, interface.name,
                 "reverse path filtering is strict", sysctl_command(key, kLoose),
                 {sysctl_action(key, kLoose)});
  }
}

// Only where the kernel answers: with a virtual MAC, XDP does.
void judge_arp_ignore(const config::Vrrp& router, const Sysctls& sysctls, Findings& findings) {
  const auto ignore = sysctls.of_interface(router.interface, "arp_ignore");
  if (ignore == 0 || router.mac == config::MacMode::virtual_mac) return;
  constexpr std::int64_t kOtherSubnetsToo = 2;
  for (const auto& address : router.addresses) {
    const bool elsewhere = !address.device.empty() && address.device != router.interface;
    if (!address.prefix.address.is_v4() || (ignore <= kOtherSubnetsToo && !elsewhere)) continue;
    findings.add(Check::arp_ignore, Severity::error, address.prefix.address.to_string(),
                 "arp_ignore is " + std::to_string(ignore) + " for " + router.interface +
                     ": the kernel does not answer for the address" +
                     (elsewhere ? " on " + address.device : ""),
                 sysctl_command(interface_key("all", "arp_ignore"), 0) + "\n" +
                     sysctl_command(interface_key(router.interface, "arp_ignore"), 0));
  }
}

void judge_ungated(const config::Config& config, const Network& network, const Sysctls& sysctls,
                   Findings& findings) {
  const auto gated = [&](const std::string& name) {
    return std::ranges::any_of(network.bottom, [&](const auto& entry) {
      return entry.first == name || entry.second == name;
    });
  };
  for (const auto& [name, device] : network.devices) {
    if (gated(name) || name == "lo" || sysctls.of_interface(name, "arp_ignore") != 0) continue;
    std::vector<std::string> reached;
    for (const auto& router : config.vrrp)
      for (const auto& address : router.addresses)
        if (std::ranges::any_of(device.addresses, [&](const auto& own) {
              return own.address != address.prefix.address && own.address.is_v4() &&
                     own.contains(address.prefix.address);
            }))
          reached.push_back(address.prefix.address.to_string());
    if (reached.empty()) continue;
    const std::string key = interface_key(name, "arp_ignore");
    findings.add(Check::ungated_interface, Severity::warning, name,
                 "is in the network of " + listed(reached) + ", without a gate",
                 sysctl_command(key, 1), {sysctl_action(key, 1)});
  }
}

// The kernel's module for what comes in, and the device that takes it from any sender.
struct TunnelEnd {
  const char* module;
  const char* device;
};
TunnelEnd tunnel_end(Family inside, Family outside) {
  if (outside == Family::ipv6) return {"ip6_tunnel", "ip6tnl0"};
  return inside == Family::ipv4 ? TunnelEnd{"ipip", "tunl0"} : TunnelEnd{"sit", "sit0"};
}

void tell_backends(const config::Service& service, Findings& findings) {
  const bool tunnel = service.forward == config::Forward::tunnel;
  if (!tunnel && service.forward != config::Forward::dsr) return;
  const std::string address = service.address.to_string();
  const bool v4 = service.address.is_v4();
  std::string commands = "ip address add " + address + (v4 ? "/32" : "/128") + " dev lo";
  if (v4) commands += "\nsysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2";
  if (tunnel && !service.backends.empty()) {
    const auto [module, device] =
        tunnel_end(service.address.family(), service.backends.front().address.family());
    commands += std::string("\nmodprobe ") + module + "\nip link set dev " + device + " up";
    if (v4)
      commands += std::string("\nsysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.") + device +
                  ".rp_filter=0";
  }
  findings.add(Check::backend_arp, Severity::note, service.name,
               "each of its backends needs " + address +
                   " on lo and has to keep quiet about it; the commands are for the backends",
               commands);
}

}  // namespace

void judge_neighbours(const config::Config& config, const Network& network, const Sysctls& sysctls,
                      Findings& findings) {
  judge_rp_filter(config, sysctls, findings);
  for (const auto& router : config.vrrp) judge_arp_ignore(router, sysctls, findings);
  judge_ungated(config, network, sysctls, findings);
  for (const auto& service : config.services) tell_backends(service, findings);
}

}  // namespace tandem::doctor
