// SPDX-License-Identifier: Apache-2.0
#include "import/value.hpp"

#include <charconv>

#include "import/document.hpp"

namespace tandem::importer {

std::unexpected<Error> unexpected_word(const Statement& statement, std::size_t n,
                                       const std::string& expected) {
  const bool is_there = n < statement.words.size();
  const std::string before = n == 0 ? "" : cut(statement.keyword()) + ": ";
  return fail_at(
      statement.place,
      before + (is_there ? shown(statement.words[n]) + ", expected " : std::string("expected ")) +
          expected);
}

Result<std::string> text_at(const Statement& statement, std::size_t n) {
  if (statement.word(n).empty()) return unexpected_word(statement, n, "a word");
  return statement.words[n];
}

Result<std::int64_t> integer_at(const Statement& statement, std::int64_t lowest,
                                std::int64_t highest, std::size_t n) {
  const auto word = statement.word(n);
  std::string_view digits = word;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem == std::errc{} && end == digits.data() + digits.size() && value >= lowest &&
      value <= highest)
    return value;
  return unexpected_word(
      statement, n, "an integer from " + std::to_string(lowest) + " to " + std::to_string(highest));
}

Result<Duration> seconds_at(const Statement& statement, Duration lowest, Duration highest,
                            std::size_t n) {
  const auto word = statement.word(n);
  double number = 0;
  const auto [end, problem] =
      std::from_chars(word.data(), word.data() + word.size(), number, std::chars_format::fixed);
  constexpr double kMost = 1e9;
  if (problem == std::errc{} && end == word.data() + word.size() && number >= 0 && number < kMost) {
    const auto rounded = std::chrono::microseconds(static_cast<std::int64_t>(number * 1e6 + 0.5));
    if (rounded >= lowest && rounded <= highest) return rounded;
  }
  return unexpected_word(statement, n, "seconds, from " + toml(lowest) + " to " + toml(highest));
}

Result<bool> flag_at(const Statement& statement, std::size_t n) {
  const auto word = statement.word(n);
  if (word.empty() || word == "on" || word == "true" || word == "yes") return true;
  if (word == "off" || word == "false" || word == "no") return false;
  return unexpected_word(statement, n, "on, off, true, false, yes or no");
}

Result<IpAddress> address_at(const Statement& statement, std::size_t n) {
  const auto address = IpAddress::parse(statement.word(n));
  if (!address) return unexpected_word(statement, n, "a numeric address");
  return *address;
}

}  // namespace tandem::importer
