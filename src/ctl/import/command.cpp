// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/command.hpp"

#include <algorithm>

#include "ctl/import/text.hpp"
#include "ctl/import/value.hpp"

namespace tandem::importer {
namespace {

std::vector<std::string> as_user(const Script& script) {
  if (script.user.empty() || (script.user == "root" && script.group.empty())) return {};
  std::vector<std::string> words{"/usr/sbin/runuser", "-u", script.user};
  if (!script.group.empty()) words.insert(words.end(), {"-g", script.group});
  words.emplace_back("--");
  return words;
}

}  // namespace

bool needs_shell(const std::string& text) {
  return !text.starts_with('/') || text.find_first_of("<>|&;$*?`()~\n") != std::string::npos;
}

std::string shell_quoted(const std::string& word) {
  const auto is_plain = [](char c) {
    return is_name_character(c) || std::string_view("/.:=@%+,-").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

Result<Script> script_at(const Statement& statement, std::size_t n, const std::string& user,
                         const std::string& group) {
  const auto text = text_at(statement, n);
  if (!text) return std::unexpected(text.error());
  Script script{trimmed(*text), {}, user, group, statement.place};
  if (!needs_shell(script.text)) {
    auto words = split_words(script.text);
    if (!words || words->empty())
      return unexpected_word(statement, n, "a script and its arguments");
    script.words = std::move(*words);
  }
  if (n + 1 < statement.words.size()) {
    script.user = statement.word(n + 1);
    script.group = statement.word(n + 2);
  }
  return script;
}

std::vector<std::string> command_of(const Script& script) {
  return run_as(script,
                needs_shell(script.text) ? shell_command(script.text) : *split_words(script.text));
}

std::vector<std::string> run_as(const Script& script, std::vector<std::string> command) {
  auto words = as_user(script);
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

std::string shell_line(const Script& script, const std::string& appended) {
  std::string line;
  for (const auto& word : as_user(script)) line += shell_quoted(word) + ' ';
  if (script.words.empty()) {
    line += "/bin/sh -c " + shell_quoted(script.text + (appended.empty() ? "" : " \"$@\"")) +
            (appended.empty() ? "" : " sh");
  } else {
    for (const auto& word : script.words) line += shell_quoted(word) + ' ';
    line.pop_back();
  }
  return appended.empty() ? line : line + ' ' + appended;
}

std::vector<std::string> shell_command(const std::string& line) {
  return {"/bin/sh", "-c", line};
}

}  // namespace tandem::importer
