// SPDX-License-Identifier: Apache-2.0
// MTUs: against what a page holds, and against the outer headers of tunnels.
#include <algorithm>

#include "ctl/doctor/interfaces.hpp"

namespace tandem::doctor {
namespace {

// A page of 4 KiB without head room (256) and the kernel's own data behind the frame (320), less
// Ethernet with two tags: what ixgbe, i40e, virtio_net and veth come to, give or take.
constexpr std::int64_t kOnePage = 3498;
constexpr std::int64_t kOuterIpv4 = 20;
constexpr std::int64_t kOuterIpv6 = 40;

const Device* device_in_network(const Network& network, const IpAddress& address) {
  for (const auto& [name, device] : network.devices)
    if (std::ranges::any_of(device.addresses,
                            [&](const auto& own) { return own.contains(address); }))
      return &device;
  return nullptr;
}

void judge_tunnel(const config::Service& service, const Network& network, Findings& findings) {
  const Device* front = device_in_network(network, service.address);
  if (front == nullptr) return;
  std::vector<std::string> narrow;
  std::int64_t wanted = 0;
  for (const auto& backend : service.backends) {
    const Device* back = device_in_network(network, backend.address);
    const auto outer = backend.address.is_v4() ? kOuterIpv4 : kOuterIpv6;
    if (back == nullptr || back->mtu >= front->mtu + outer) continue;
    wanted = std::max(wanted, front->mtu + outer);
    if (std::ranges::find(narrow, back->name) == narrow.end()) narrow.push_back(back->name);
  }
  if (narrow.empty())
    return findings.good(Check::tunnel_mtu, service.name,
                         "its backends' network has room for the outer header");
  std::string commands;
  for (const auto& name : narrow)
    commands += (commands.empty() ? "" : "\n") + std::string("ip link set dev ") + name + " mtu " +
                std::to_string(wanted);
  findings.add(Check::tunnel_mtu, Severity::warning, service.name,
               "packets of " + std::to_string(front->mtu) +
                   " bytes do not fit into a tunnel over " + listed(narrow) +
                   ", which would take an MTU of " + std::to_string(wanted),
               commands);
}

}  // namespace

void judge_mtu(const config::Config& config, const Network& network, Findings& findings) {
  for (const auto& interface : config.interfaces) {
    const auto it = network.devices.find(network.bottom.at(interface.name));
    if (it == network.devices.end() || !it->second.exists) continue;
    const Device& device = it->second;
    if (device.mtu > kOnePage && device.xdp != Attached::native)
      findings.add(Check::interface_mtu, Severity::warning, device.name,
                   "an MTU of " + std::to_string(device.mtu) + " is more than native XDP takes",
                   "ip link set dev " + device.name + " mtu 1500");
    else
      findings.good(Check::interface_mtu, device.name, "MTU " + std::to_string(device.mtu));
  }
  for (const auto& service : config.services)
    if (service.forward == config::Forward::tunnel) judge_tunnel(service, network, findings);
}

}  // namespace tandem::doctor
