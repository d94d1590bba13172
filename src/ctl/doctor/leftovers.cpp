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

// Whoever puts addresses on interfaces, and takes them off himself.
const Process* holder_among(const std::vector<Process>& processes) {
  const Process* daemon = find_here(processes, "tandemd");
  return daemon != nullptr ? daemon : other_vrrp_daemon(processes);
}

const Probed* asked(const Segment& segment, const IpAddress& address) {
  const auto it = std::ranges::find(segment.probed, address, &Probed::address);
  return it == segment.probed.end() ? nullptr : &*it;
}

bool is_gated(const config::Vrrp& router, const Network& network) {
  const auto bottom = network.bottom.find(router.interface);
  if (bottom == network.bottom.end()) return false;
  const auto gate = network.devices.find(bottom->second);
  return gate != network.devices.end() &&
         (gate->second.xdp == Attached::native || gate->second.xdp == Attached::generic);
}

// What nobody holds. Taken off an address is for good only where another node has it: else it is
// what clients reach, if they reach anything, and tandemd takes it over at its start.
void judge_unheld(const std::string& device, const IpPrefix& here, bool gated, const Probed* probed,
                  Findings& findings) {
  const std::string what = "is on " + device + " while no tandemd runs" +
                           (gated ? ", behind a closed gate" : ", and nothing keeps it silent");
  const std::string del = "ip address del " + here.to_string() + " dev " + device;
  const auto add = [&](const std::string& more, const std::string& fix) {
    findings.add(Check::address_leftover, gated ? Severity::note : Severity::error,
                 here.address.to_string(), what + more, fix);
  };
  if (probed == nullptr)
    add("", del + "    # if another node has it; tandemd does it at its start");
  else if (!probed->answers.empty())
    add("; another node answers for it", del);
  else
    add("; no other node answers for it", "systemctl start tandemd");
}

void judge_address(const config::Vrrp& router, const IpPrefix& prefix, const Network& network,
                   const Segment& segment, const Process* holder, Findings& findings) {
  for (const auto& [name, device] : network.devices) {
    const auto here = std::ranges::find(device.addresses, prefix.address, &IpPrefix::address);
    if (here == device.addresses.end()) continue;
    if (holder != nullptr)
      findings.add(Check::address_leftover, Severity::note, prefix.address.to_string(),
                   "is on " + name + ", and " + holder->name + " (process " +
                       std::to_string(holder->pid) +
                       ") runs here: it is not left over, and goes when that one gives it up");
    else if (is_only_one(device, prefix.address))
      findings.add(Check::address_leftover, Severity::error, prefix.address.to_string(),
                   "is the only address of " + name +
                       ": give the node one of its own there, or the virtual router another");
    else
      judge_unheld(name, *here, is_gated(router, network), asked(segment, prefix.address),
                   findings);
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
                          const Segment& segment, const std::vector<Process>& processes,
                          Findings& findings) {
  const Process* holder = holder_among(processes);
  for (const auto& router : config.vrrp)
    if (router.priority != wire::kOwnerPriority)
      for (const auto& address : router.addresses)
        judge_address(router, address.prefix, network, segment, holder, findings);
}

}  // namespace tandem::doctor
