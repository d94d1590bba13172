// SPDX-License-Identifier: Apache-2.0
// tandemctl [options] COMMAND [arguments]: options that all commands share may stand before or
// behind the command.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ctl/command.hpp"

namespace tandem::ctl {

inline constexpr const char* kDefaultSocket = "/run/tandem/control.sock";

struct CommandLine {
  bool help = false;
  bool version = false;
  bool json = false;
  std::string socket;
  const Command* command = nullptr;               // null only with help or version
  boost::program_options::variables_map options;  // the command's own
};

// `arguments`: without the program's name. `environment_socket`: $TANDEM_SOCKET, or null.
[[nodiscard]] Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments,
                                                     const char* environment_socket);

// Of all commands.
[[nodiscard]] boost::program_options::options_description shared_options();
// Says so, and which was meant if one is close.
[[nodiscard]] std::string no_such_command(const std::string& name);

[[nodiscard]] std::string general_help();
[[nodiscard]] std::string command_help(const Command& command);

}  // namespace tandem::ctl
