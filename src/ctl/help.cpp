// SPDX-License-Identifier: Apache-2.0
// tandemctl help and version: what --help and --version print, as commands.
#include <ostream>

#include "config/suggest.hpp"
#include "ctl/command.hpp"
#include "ctl/command_line.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;

namespace {

void help_options(po::options_description& named, po::positional_options_description& positional) {
  named.add_options()("command", po::value<std::string>(), "the command that is asked about");
  positional.add("command", 1);
}

Exit run_help(const LocalContext& local, const po::variables_map& options) {
  if (options.count("command") == 0) {
    local.out << general_help();
    return kGood;
  }
  const auto name = options["command"].as<std::string>();
  const Command* command = find_command(name);
  if (command == nullptr) {
    local.err << "tandemctl: " << printable(no_such_command(name), true) << '\n';
    return kUsage;
  }
  local.out << command_help(*command);
  return kGood;
}

void version_options(po::options_description&, po::positional_options_description&) {}

Exit run_version(const LocalContext& local, const po::variables_map&) {
  if (local.json)
    local.out << nlohmann::json{{"version", TANDEM_VERSION}}.dump(2) << '\n';
  else
    local.out << "tandemctl " TANDEM_VERSION "\n";
  return kGood;
}

}  // namespace

std::string no_such_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Command* command : commands()) names.emplace_back(command->name);
  const std::string advice = config::suggest(name, names, "");
  return "there is no command '" + name + "'" +
         (advice.starts_with("did you mean") ? "; " + advice : "; see tandemctl --help");
}

const Command kHelp{
    "help",
    "[COMMAND]",
    "this text, or the command's",
    "Shows what --help shows.\n",
    {},
    help_options,
    nullptr,
    nullptr,
    run_help,
};

const Command kVersion{
    "version",
    "",
    "print the version",
    "Prints the version of tandemctl. `tandemd --version` tells libraries and features besides;\n"
    "each JSON document of a daemon has its version.\n",
    {},
    version_options,
    nullptr,
    nullptr,
    run_version,
};

}  // namespace tandem::ctl
