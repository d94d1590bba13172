// SPDX-License-Identifier: Apache-2.0
// Scripts as keepalived has them, as commands of Tandem: arrays of strings, run without a shell.
#pragma once

#include <string>
#include <vector>

#include "ctl/import/tree.hpp"

namespace tandem::importer {

struct Script {
  std::string text;         // the path, then its arguments
  Words words;              // the same, if it needs no shell
  std::string user, group;  // empty: as the daemon, which is root
  Location place;
};

// keepalived's SCRIPT [USER [GROUP]], from the word `n` on; without a user, `user` and `group`.
[[nodiscard]] Result<Script> script_at(const Statement& statement, std::size_t n,
                                       const std::string& user, const std::string& group);

// Whether the text is more than words (a redirection, a pipe), or has no absolute path for Tandem
// to judge.
[[nodiscard]] bool needs_shell(const std::string& text);

// By its words, or by a shell where it needs one.
[[nodiscard]] std::vector<std::string> command_of(const Script& script);

// A script and what keepalived appends to its arguments, as a command line of the shell. Words in
// `appended` are for the shell to read: "$TANDEM_PRIORITY" is its value.
[[nodiscard]] std::string shell_line(const Script& script, const std::string& appended);
// A command that runs such a line; what Tandem appends becomes $0 and $1, which it ignores.
[[nodiscard]] std::vector<std::string> shell_command(const std::string& line);

// A command as the script's user.
[[nodiscard]] std::vector<std::string> run_as(const Script& script,
                                              std::vector<std::string> command);

[[nodiscard]] std::string shell_quoted(const std::string& word);

}  // namespace tandem::importer
