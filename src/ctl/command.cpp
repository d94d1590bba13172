// SPDX-License-Identifier: Apache-2.0
#include "ctl/command.hpp"

#include <algorithm>
#include <array>
#include <ostream>

namespace tandem::ctl {

control::CallError not_understood(const nlohmann::json::exception& error) {
  return {
      control::CallError::Kind::refused,
      std::string("the daemon's answer is not what this tandemctl expects; are both of the same "
                  "version? ") +
          error.what()};
}

void Session::print(const nlohmann::json& document) const {
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

Called<Exit> Session::show(const std::string& command, const nlohmann::json& arguments,
                           const Render& render, Judge judge) {
  const auto document = client.call(command, arguments);
  if (!document) return std::unexpected(document.error());
  if (json)
    print(*document);
  else
    out << render(*document, style);
  return judge != nullptr ? judge(*document) : kGood;
}

std::span<const Command* const> commands() {
  static constexpr std::array kCommands{
      &kStatus,        &kVrrp,       &kServices, &kBackends, &kFlows,   &kEvents,   &kExplain,
      &kCapture,       &kDrain,      &kUndrain,  &kWeight,   &kBackend, &kFailover, &kSync,
      &kSyncKey,       &kReload,     &kTop,      &kImport,   &kDoctor,  &kBackup,   &kRestore,
      &kSupportBundle, &kCompletion, &kVersion,  &kHelp};
  return kCommands;
}

const Command* find_command(const std::string& name) {
  const auto all = commands();
  const auto found = std::ranges::find(all, name, &Command::name);
  return found == all.end() ? nullptr : *found;
}

}  // namespace tandem::ctl
