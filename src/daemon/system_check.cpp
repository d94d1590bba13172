// SPDX-License-Identifier: Apache-2.0
#include "daemon/system_check.hpp"

#include "base/command_safety.hpp"
#include "daemon/interfaces.hpp"
#include "engine/pci_device.hpp"

namespace tandem::daemon {
namespace {

void check_command(const std::string& what, const std::vector<std::string>& argv,
                   const config::Location& where, std::vector<config::Problem>& problems) {
  if (argv.empty()) return;
  if (auto safe = check_command_is_safe(argv.front()); !safe)
    problems.push_back({config::Severity::error, where, what + ": " + safe.error().message});
}

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
    if (auto placement = place(interface, links); !placement)
      return std::unexpected(placement.error());
  }
  return {};
}

}  // namespace

std::vector<config::Problem> check_system(const config::Config& config,
                                          const netlink::Links& links) {
  std::vector<config::Problem> problems;
  for (const auto& interface : config.interfaces)
    if (auto good = check_interface(interface, links); !good)
      problems.push_back({config::Severity::error, interface.where, good.error().message});
  for (const auto& check : config.checks)
    if (check.command)
      check_command("check '" + check.name + "'", check.command->argv, check.where, problems);
  for (const auto& service : config.services)
    if (service.check && !service.check->command.empty())
      check_command("service '" + service.name + "'", service.check->command, service.where,
                    problems);
  for (const auto& v : config.vrrp) {
    for (const auto* argv : {&v.notify.active, &v.notify.backup, &v.notify.fault})
      check_command("vrrp '" + v.name + "': notify", *argv, v.where, problems);
  }
  return problems;
}

}  // namespace tandem::daemon
