// SPDX-License-Identifier: Apache-2.0
#include "config/unsafe_commands.hpp"

#include "base/command_safety.hpp"

namespace tandem::config {
namespace {

void check_command(const std::string& what, const std::vector<std::string>& argv,
                   const Location& where, std::vector<Problem>& problems) {
  if (argv.empty()) return;
  if (auto safe = check_command_is_safe(argv.front()); !safe)
    problems.push_back({Severity::error, where, what + ": " + safe.error().message});
}

}  // namespace

std::vector<Problem> unsafe_commands(const Config& config) {
  std::vector<Problem> problems;
  for (const auto& check : config.checks)
    if (check.command)
      check_command("check '" + check.name + "'", check.command->argv, check.where, problems);
  for (const auto& service : config.services)
    if (service.check && !service.check->command.empty())
      check_command("service '" + service.name + "'", service.check->command, service.where,
                    problems);
  for (const auto& service : config.services)
    for (const auto* argv : {&service.notify.up, &service.notify.down})
      check_command("service '" + service.name + "': notify", *argv, service.where, problems);
  for (const auto& v : config.vrrp)
    for (const auto* argv :
         {&v.notify.active, &v.notify.backup, &v.notify.fault, &v.notify.stop, &v.notify.any})
      check_command("vrrp '" + v.name + "': notify", *argv, v.where, problems);
  return problems;
}

}  // namespace tandem::config
