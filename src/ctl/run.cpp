// SPDX-License-Identifier: Apache-2.0
#include "ctl/run.hpp"

#include <ostream>

#include "ctl/command_line.hpp"

namespace tandem::ctl {
namespace {

Called<Exit> run_command(const CommandLine& line, const Surroundings& around) {
  const Command& command = *line.command;
  const Duration taken = command.takes != nullptr ? command.takes(line.options) : Duration::zero();
  auto client = control::Client::connect(line.socket, command.patience + taken);
  if (!client) return std::unexpected(client.error());
  Session session{std::move(*client), line.json,     Style(around.colour, around.columns),
                  around.out,         around.screen, around.utf8};
  try {
    return command.run(session, line.options);
  } catch (const nlohmann::json::exception& error) {
    return std::unexpected(not_understood(error));
  }
}

}  // namespace

Exit run(const std::vector<std::string>& arguments, const Surroundings& around) {
  const auto line = parse_command_line(arguments, around.environment_socket);
  if (!line) {
    around.err << "tandemctl: " << line.error().message << '\n';
    return kUsage;
  }
  if (line->help) {
    around.out << (line->command != nullptr ? command_help(*line->command) : general_help());
    return kGood;
  }
  if (line->version) {
    around.out << "tandemctl " TANDEM_VERSION "\n";
    return kGood;
  }
  if (const auto here = line->command->run_here; here != nullptr)
    return here(
        {line->socket, line->json, Style(around.colour, around.columns), around.out, around.err},
        line->options);
  const auto done = run_command(*line, around);
  if (done) return *done;
  around.err << "tandemctl: " << printable(done.error().message, true) << '\n';
  return done.error().kind == control::CallError::Kind::unreachable ? kUnreachable : kRefused;
}

}  // namespace tandem::ctl
