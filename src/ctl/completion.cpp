// SPDX-License-Identifier: Apache-2.0
// tandemctl completion: what a shell needs to complete command lines, from the table of commands. Names of services and virtual routers are asked of the daemon at the moment.
#include <algorithm>
#include <ostream>

#include "ctl/command.hpp"
#include "ctl/command_line.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;

namespace {

struct Completed {
  const Command* command;
  std::vector<const po::option_description*> options;
  std::string names;  // what its arguments are names of: "services", "routers", "files" or nothing
};

std::string names_of(const Command& command) {
  const std::string synopsis = command.synopsis, name = command.name;
  if (name == "help") return "commands";
  if (name == "completion") return "shells";
  if (synopsis.starts_with("SERVICE") || synopsis.starts_with("[SERVICE]") || name == "services")
    return "services";
  if (synopsis.starts_with("[NAME")) return "routers";
  const bool is_file = synopsis.find("FILE") != std::string::npos ||
                       synopsis.find("DIRECTORY") != std::string::npos || name == "import";
  return is_file ? "files" : "";
}

// Options by name; an argument of a command has a place and no dashes.
std::vector<const po::option_description*> named_options(
    const po::options_description& all, const po::positional_options_description& positional) {
  std::vector<std::string> places;
  for (unsigned i = 0; i < std::min(positional.max_total_count(), 16U); i++)
    places.push_back(positional.name_for_position(i));
  std::vector<const po::option_description*> options;
  for (const auto& option : all.options())
    if (std::ranges::find(places, option->long_name()) == places.end())
      options.push_back(option.get());
  return options;
}

// The descriptions own the options, and outlive what is made of them.
struct Everything {
  std::vector<po::options_description> descriptions;
  po::options_description shared = shared_options();
  std::vector<Completed> commands;

  Everything() {
    descriptions.resize(ctl::commands().size());
    for (std::size_t i = 0; i < descriptions.size(); i++) {
      const Command& command = *ctl::commands()[i];
      po::positional_options_description positional;
      command.options(descriptions[i], positional);
      commands.push_back({&command, named_options(descriptions[i], positional), names_of(command)});
    }
  }
};

std::string command_names() {
  std::string text;
  for (const Command* command : commands()) text += std::string(" ") + command->name;
  return text.substr(1);
}

// Text between single quotes of any shell.
std::string in_apostrophes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n')
      out += ' ';
    else if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + '\'';
}

// ---- bash

// The script of configs/completion, which takes its words from --help when it is asked. The first
// line is empty.
constexpr const char* kBash =
#include "ctl/bash_completion.inc"
    ;

// ---- zsh

std::string zsh_option(const po::option_description& option) {
  std::string meaning = option.description();
  std::replace(meaning.begin(), meaning.end(), '\n', ' ');
  std::string safe;
  for (const char c : meaning)
    safe += c == '[' || c == ']' || c == ':' ? std::string("\\") + c : std::string(1, c);
  const bool takes = option.semantic()->max_tokens() > 0;
  return "--" + option.long_name() + (takes ? "=" : "") + "[" + safe + "]" +
         (takes ? ":value:_files" : "");
}

std::string zsh(const Everything& all) {
  std::string text =
      "#compdef tandemctl\n"
      "# Put it as _tandemctl into a directory of $fpath.\n"
      "_tandemctl_names() {\n"
      "  local -a names\n"
      "  names=(${(f)\"$(tandemctl --json $1 2>/dev/null |\n"
      "    sed -n 's/^      \"name\": \"\\(.*\\)\",\\{0,1\\}$/\\1/p')\"})\n"
      "  compadd -a names\n"
      "}\n"
      "_tandemctl() {\n"
      "  local -a commands shared\n"
      "  local context state line\n"
      "  commands=(\n";
  for (const Command* command : commands())
    text += "    " + in_apostrophes(std::string(command->name) + ":" + command->summary) + "\n";
  text += "  )\n  shared=(\n";
  for (const auto& option : all.shared.options())
    text += "    " + in_apostrophes(zsh_option(*option)) + "\n";
  text +=
      "  )\n"
      "  _arguments -C $shared '1:command:->command' '*::argument:->argument' && return\n"
      "  case $state in\n"
      "    command) _describe command commands ;;\n"
      "    argument)\n"
      "      case $words[1] in\n";
  for (const auto& [command, options, names] : all.commands) {
    text += std::string("        ") + command->name + ") _arguments $shared";
    for (const auto* option : options) text += " " + in_apostrophes(zsh_option(*option));
    if (names == "services") text += " '*:service:_tandemctl_names services'";
    if (names == "routers") text += " '*:virtual router:_tandemctl_names vrrp'";
    if (names == "files") text += " '*:file:_files'";
    if (names == "shells") text += " '1:shell:(bash zsh fish)'";
    if (names == "commands") text += " '1:command:(" + command_names() + ")'";
    text += " ;;\n";
  }
  text +=
      "      esac ;;\n"
      "  esac\n"
      "}\n"
      "if [ \"$funcstack[1]\" = _tandemctl ]; then _tandemctl \"$@\"; else compdef _tandemctl "
      "tandemctl; fi\n";
  return text;
}

// ---- fish

std::string fish_option(const po::option_description& option, const std::string& when) {
  return "complete -c tandemctl" + when + " -l " + option.long_name() +
         (option.semantic()->max_tokens() > 0 ? " -r" : "") + " -d " +
         in_apostrophes(option.description()) + "\n";
}

std::string fish(const Everything& all) {
  std::string text =
      "# fish completion of tandemctl: put it into\n"
      "# ~/.config/fish/completions/tandemctl.fish\n"
      "function __tandemctl_names\n"
      "  tandemctl --json $argv[1] 2>/dev/null |\n"
      "    string replace -rf '^      \"name\": \"(.*)\",?$' '$1'\n"
      "end\n"
      "complete -c tandemctl -f\n";
  for (const auto& option : all.shared.options()) text += fish_option(*option, "");
  for (const auto& [command, options, names] : all.commands) {
    text += "complete -c tandemctl -n __fish_use_subcommand -a " + std::string(command->name) +
            " -d " + in_apostrophes(command->summary) + "\n";
    const std::string when =
        " -n " + in_apostrophes("__fish_seen_subcommand_from " + std::string(command->name));
    for (const auto* option : options) text += fish_option(*option, when);
    if (names == "services")
      text += "complete -c tandemctl" + when + " -a '(__tandemctl_names services)'\n";
    if (names == "routers")
      text += "complete -c tandemctl" + when + " -a '(__tandemctl_names vrrp)'\n";
    if (names == "files") text += "complete -c tandemctl" + when + " -F\n";
    if (names == "shells") text += "complete -c tandemctl" + when + " -a 'bash zsh fish'\n";
    if (names == "commands")
      text += "complete -c tandemctl" + when + " -a " + in_apostrophes(command_names()) + "\n";
  }
  return text;
}

void completion_options(po::options_description& named,
                        po::positional_options_description& positional) {
  named.add_options()("shell", po::value<std::string>()->required(), "bash, zsh or fish");
  positional.add("shell", 1);
}

Exit run_completion(const LocalContext& local, const po::variables_map& options) {
  const auto shell = options["shell"].as<std::string>();
  const Everything all;
  if (shell == "bash") {
    local.out << kBash + 1;
  } else if (shell == "zsh") {
    local.out << zsh(all);
  } else if (shell == "fish") {
    local.out << fish(all);
  } else {
    local.err << "tandemctl: there is no completion for '" << printable(shell, true)
              << "', expected bash, zsh or fish\n";
    return kUsage;
  }
  return kGood;
}

}  // namespace

const Command kCompletion{
    "completion",
    "SHELL",
    "what bash, zsh or fish needs to complete command lines",
    "Prints a script for SHELL, which is bash, zsh or fish, that completes commands, options, and\n"
    "the names of services and virtual routers of the node's daemon:\n"
    "\n"
    "  source <(tandemctl completion bash)\n"
    "  source <(tandemctl completion zsh)\n"
    "  tandemctl completion fish | source\n",
    {},
    completion_options,
    nullptr,
    nullptr,
    run_completion,
};

}  // namespace tandem::ctl
