// SPDX-License-Identifier: Apache-2.0
#include "ctl/command_line.hpp"

#include <algorithm>
#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <sstream>

#include "config/suggest.hpp"
#include "ctl/wrap.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;

namespace {

// Abbreviated options would change their meaning with each option that is added.
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

// What the shared options leave over: the command's name, then what is the command's own.
struct Split {
  po::variables_map shared;
  std::vector<std::string> rest;
};

Split split(const std::vector<std::string>& arguments) {
  const auto description = shared_options();
  const auto parsed = po::command_line_parser(arguments)
                          .options(description)
                          .style(kStyle)
                          .allow_unregistered()
                          .run();
  Split result;
  po::store(parsed, result.shared);
  po::notify(result.shared);
  result.rest = po::collect_unrecognized(parsed.options, po::include_positional);
  return result;
}

po::variables_map parse_own(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description named;
  po::positional_options_description positional;
  command.options(named, positional);
  po::variables_map options;
  po::store(
      po::command_line_parser(arguments).options(named).positional(positional).style(kStyle).run(),
      options);
  po::notify(options);
  return options;
}

std::string no_such_option(const Command& command, const po::unknown_option& error) {
  po::options_description named;
  po::positional_options_description positional;
  command.options(named, positional);
  std::vector<std::string> known{"--socket", "--json", "--help"};
  for (const auto& option : named.options()) known.push_back("--" + option->long_name());
  const std::string advice = config::suggest(error.get_option_name(), known, "");
  return std::string(error.what()) + (advice.starts_with("did you mean") ? "; " + advice : "") +
         "; see tandemctl " + command.name + " --help";
}

Result<CommandLine> parse(const std::vector<std::string>& arguments,
                          const char* environment_socket) {
  auto [shared, rest] = split(arguments);
  CommandLine line;
  line.help = shared.count("help") != 0;
  line.version = shared.count("version") != 0;
  line.json = shared.count("json") != 0;
  if (shared.count("socket") != 0)
    line.socket = shared["socket"].as<std::string>();
  else
    line.socket = environment_socket != nullptr && *environment_socket != '\0' ? environment_socket
                                                                               : kDefaultSocket;
  if (rest.empty()) {
    if (line.help || line.version) return line;
    return fail("which command? See tandemctl --help");
  }
  line.command = find_command(rest.front());
  if (line.command == nullptr) return fail(no_such_command(rest.front()));
  if (line.help) return line;
  try {
    line.options = parse_own(*line.command, {rest.begin() + 1, rest.end()});
  } catch (const po::unknown_option& error) {
    return fail(no_such_option(*line.command, error));
  }
  return line;
}

}  // namespace

po::options_description shared_options() {
  po::options_description shared("Options");
  shared.add_options()("socket,s", po::value<std::string>()->value_name("SOCKET"),
                       "the node's control socket; default: $TANDEM_SOCKET, or "
                       "/run/tandem/control.sock")("json", "print the daemon's document as JSON")(
      "help,h", "this text, or the command's")("version", "print the version");
  return shared;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments,
                                       const char* environment_socket) {
  try {
    return parse(arguments, environment_socket);
  } catch (const po::error& error) {
    return fail(std::string(error.what()) + "; see tandemctl --help");
  }
}

std::string general_help() {
  constexpr std::size_t kSummaries = 30;  // column
  const auto usage = [](const Command& command) {
    return std::string(command.name) + (*command.synopsis != '\0' ? " " : "") + command.synopsis;
  };
  std::ostringstream text;
  text << "Usage: tandemctl [-s SOCKET] [--json] COMMAND [ARGUMENTS]\n\n"
          "Asks and directs the tandemd of this node.\n\nCommands:\n";
  for (const Command* command : commands())
    text << entry("  " + usage(*command), kSummaries, command->summary);
  text << "\n"
       << shared_options()
       << "\nEnvironment:\n"
          "  TANDEM_SOCKET  the control socket, unless -s is given\n"
          "  NO_COLOR       if set, no colours; there are none outside a terminal either\n"
          "\nExit status:\n"
          "  0  good\n"
          "  1  the daemon refused, or could not do all that was asked\n"
          "  2  the command line is wrong\n"
          "  3  no daemon answers on the socket\n"
          "  4  import: the result is there, and something was not carried over\n"
          "\n`tandemctl COMMAND --help` tells more about a command.\n";
  return text.str();
}

std::string command_help(const Command& command) {
  po::options_description named("Options");
  po::positional_options_description positional;
  command.options(named, positional);
  std::ostringstream text;
  text << entry("Usage: tandemctl", 17,
                "[-s SOCKET] [--json] " + std::string(command.name) + " " + command.synopsis)
       << "\n"
       << wrapped(command.help);
  if (!named.options().empty()) text << "\n" << named;
  text << "\nSee tandemctl --help for the options of all commands and the exit status.\n";
  return text.str();
}

}  // namespace tandem::ctl
