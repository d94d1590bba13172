// SPDX-License-Identifier: Apache-2.0
#include "daemon/system_check.hpp"

#include "config/unsafe_commands.hpp"
#include "engine/pci_device.hpp"
#include "speaker/interfaces.hpp"

namespace tandem::daemon {
namespace {

// The interface of a port of the engine's own is made later: what it is made from has to be there.
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

}  // namespace

std::vector<config::Problem> check_system(const config::Config& config,
                                          const netlink::Links& links) {
  std::vector<config::Problem> problems;
  for (const auto& interface : config.interfaces)
    if (auto good = check_interface(interface, links); !good)
      problems.push_back({config::Severity::error, interface.where, good.error().message});
    else if (auto apt = check_bond(config, interface, links); !apt)
      problems.push_back({config::Severity::error, interface.where, apt.error().message});
  for (auto& problem : config::unsafe_commands(config)) problems.push_back(std::move(problem));
  return problems;
}

}  // namespace tandem::daemon
