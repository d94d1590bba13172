// SPDX-License-Identifier: Apache-2.0
#include "daemon/system_check.hpp"

#include "config/secret_file.hpp"
#include "config/unsafe_commands.hpp"
#include "engine/frame.hpp"
#include "engine/pci_device.hpp"
#include "netlink/addresses.hpp"
#include "speaker/interfaces.hpp"

namespace tandem::daemon {
namespace {

// Whether all that it stands for is there. The interface of a port of the engine's own is made later:
// what it is made from has to be there.
Result<void> check_interface(const config::Interface& interface, const netlink::Links& links) {
  const std::string& name = interface.name;
  if (interface.driver == "pci") {
    if (interface.pci.empty()) return {};  // said by then, as below
    if (auto good = engine::PciDevice(interface.pci).check(); !good)
      return fail("interface '" + name + "': " + good.error().message);
  } else if (interface.driver == "af_packet") {
    if (!interface.device.empty() && !links.find(interface.device))
      return fail("device '" + interface.device + "' of interface '" + name + "' does not exist");
  } else if (!interface.has_own_port()) {
    if (auto placement = speaker::place(interface, links); !placement)
      return std::unexpected(placement.error());
  }
  return {};
}

// An interface that is not there yet is waited for, unless it is one that the engine makes.
config::Problem missing(const config::Interface& interface, const Error& error) {
  if (interface.has_own_port()) return {config::Severity::error, interface.where, error.message};
  return {config::Severity::warning, interface.where,
          error.message + "; its virtual routers are in Fault until it is there"};
}

// Natively a bond's frames come in on its ports, where DPDK has no sockets.
Result<void> check_bond(const config::Config& config, const config::Interface& interface,
                        const netlink::Links& links) {
  if (config.node.engine != "dpdk" || interface.has_own_port()) return {};
  const auto placement = speaker::place(interface, links);
  const auto link = placement ? links.find(placement->device) : std::nullopt;
  if (link && link->is_bond)
    return fail("interface '" + interface.name + "': " + link->name +
                " is a bond: AF_XDP, and so the dpdk engine, works on its ports only");
  return {};
}

// DPDK's frames over AF_XDP are within a page.
void check_mtu(const config::Config& config, const config::Interface& interface,
               const netlink::Links& links, std::vector<config::Problem>& problems) {
  if (config.node.engine != "dpdk" || interface.has_own_port()) return;
  const auto placement = speaker::place(interface, links);
  const auto link = placement ? links.find(placement->device) : std::nullopt;
  if (link && link->mtu > engine::kLargestWorkerMtu)
    problems.push_back({config::Severity::warning, interface.where,
                        "interface '" + interface.name + "': MTU " + std::to_string(link->mtu) +
                            ", expected " + std::to_string(engine::kLargestWorkerMtu) +
                            " at most with engine = \"dpdk\": longer packets are lost, and all "
                            "of services with backends where the driver refuses XDP at that MTU"});
}

// A virtual address that is on an interface as the only one, and was not put there by tandemd, is the
// node's own: to take it over would cut the node off.
void check_own_addresses(const config::Config& config, const netlink::Links& links,
                         std::vector<config::Problem>& problems) {
  std::set<IpAddress> virtuals;
  for (const auto& v : config.vrrp)
    for (const auto& a : v.addresses) virtuals.insert(a.prefix.address);
  const auto ours = netlink::protocol_number(config.node.bpffs);
  for (const auto& v : config.vrrp) {
    if (v.priority == wire::kOwnerPriority) continue;
    for (const auto& a : v.addresses) {
      const std::string& name = a.device.empty() ? v.interface : a.device;
      const auto* device = links.device(name);
      if (device == nullptr || !is_only_own(*device, a.prefix.address, virtuals, ours)) continue;
      problems.push_back({config::Severity::error, v.where,
                          "addresses: " + a.prefix.address.to_string() +
                              " is the only own address of " + name +
                              ", expected one that this node does not have, or priority = 255"});
    }
  }
}

}  // namespace

std::vector<config::Problem> check_system(const config::Config& config,
                                          const netlink::Links& links) {
  std::vector<config::Problem> problems;
  for (const auto& interface : config.interfaces)
    if (auto good = check_interface(interface, links); !good)
      problems.push_back(missing(interface, good.error()));
    else if (auto apt = check_bond(config, interface, links); !apt)
      problems.push_back({config::Severity::error, interface.where, apt.error().message});
    else
      check_mtu(config, interface, links, problems);
  check_own_addresses(config, links, problems);
  for (auto& problem : config::bad_secret_files(config)) problems.push_back(std::move(problem));
  for (auto& problem : config::unsafe_commands(config)) problems.push_back(std::move(problem));
  return problems;
}

}  // namespace tandem::daemon
