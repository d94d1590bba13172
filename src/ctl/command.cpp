// SPDX-License-Identifier: Apache-2.0
#include "ctl/command.hpp"

#include <algorithm>
#include <array>
#include <ostream>

namespace tandem::ctl {

void Session::print(const nlohmann::json& document) const {
  out << document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

std::span<const Command* const> commands() {
  static constexpr std::array kCommands{&kStatus, &kVrrp, &kEvents, &kFailover, &kReload};
  return kCommands;
}

const Command* find_command(const std::string& name) {
  const auto all = commands();
  const auto found = std::ranges::find(all, name, &Command::name);
  return found == all.end() ? nullptr : *found;
}

}  // namespace tandem::ctl
