// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/leftovers.hpp"

#include <algorithm>

#include "tandem/abi.h"
#include "wire/vrrp.hpp"

namespace tandem::doctor {
namespace {

// To take it off would cut the node off.
bool is_only_one(const Device& device, const IpAddress& address) {
  return !address.is_link_local() &&
         std::ranges::none_of(device.addresses, [&](const IpPrefix& other) {
           return other.address != address && other.address.family() == address.family() &&
                  !other.address.is_link_local();
         });
}

void judge_address(const config::Vrrp& router, const IpPrefix& prefix, const Network& network,
                   Findings& findings) {
  for (const auto& [name, device] : network.devices) {
    const auto here = std::ranges::find(device.addresses, prefix.address, &IpPrefix::address);
    if (here == device.addresses.end()) continue;
    if (is_only_one(device, prefix.address)) {
      findings.add(Check::address_leftover, Severity::error, prefix.address.to_string(),
                   "is the only address of " + name +
                       ": give the node one of its own there, or the virtual router another");
      continue;
    }
    const auto bottom = network.bottom.find(router.interface);
    const auto gate = bottom == network.bottom.end() ? network.devices.end()
                                                     : network.devices.find(bottom->second);
    const bool gated = gate != network.devices.end() && (gate->second.xdp == Attached::native ||
                                                         gate->second.xdp == Attached::generic);
    findings.add(Check::address_leftover, gated ? Severity::note : Severity::error,
                 prefix.address.to_string(),
                 "is on " + name + " while no tandemd runs" +
                     (gated ? ", behind a closed gate" : ", and nothing keeps it silent"),
                 "ip address del " + here->to_string() + " dev " + name);
  }
}

}  // namespace

std::vector<std::string> read_foreign_pins(const Root& root, const config::Config& config) {
  std::vector<std::string> foreign;
  const std::string own = "v" + std::to_string(TD_ABI_VERSION);
  for (const auto& entry : root.list(config.node.bpffs))
    if (entry != own && entry.starts_with('v') && to_number(entry.substr(1)))
      foreign.push_back(config.node.bpffs + "/" + entry);
  return foreign;
}

void judge_pins(const std::vector<std::string>& foreign, Findings& findings) {
  for (const auto& directory : foreign)
    findings.add(Check::leftover_pins, Severity::note, directory,
                 "was pinned by another version of Tandem", "rm -r " + directory);
}

void judge_left_addresses(const config::Config& config, const Network& network,
                          Findings& findings) {
  for (const auto& router : config.vrrp)
    if (router.priority != wire::kOwnerPriority)
      for (const auto& address : router.addresses)
        judge_address(router, address.prefix, network, findings);
}

}  // namespace tandem::doctor
