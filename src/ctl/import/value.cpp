// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/value.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "ctl/import/document.hpp"

namespace tandem::importer {

std::unexpected<Error> unexpected_word(const Statement& statement, std::size_t n,
                                       const std::string& expected) {
  const bool is_there = n < statement.words.size();
  const std::string before = n == 0 ? "" : cut(statement.keyword()) + ": ";
  return fail(before +
              (is_there ? shown(statement.words[n]) + ", expected " : std::string("expected ")) +
              expected);
}

Result<std::string> text_at(const Statement& statement, std::size_t n) {
  if (statement.word(n).empty()) return unexpected_word(statement, n, "a word");
  return statement.words[n];
}

namespace {

std::optional<std::int64_t> integer_of(std::string_view digits) {
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// Up to what is no digit any more, with a note; none without a digit before that.
std::optional<std::int64_t> leading_integer_of(const Statement& statement, std::size_t n,
                                               Notes& notes) {
  const auto word = statement.word(n);
  const auto digits = word.find_first_not_of("0123456789", word.find_first_of("0123456789"));
  const auto value = integer_of(std::string_view(word).substr(0, digits));
  if (value && digits != std::string::npos)
    notes.trap(statement.place, cut(statement.keyword()) + ": keepalived reads " + shown(word) +
                                    " as " + std::to_string(*value) + "; so it is here");
  return value;
}

std::optional<Duration> seconds_of(std::string_view word) {
  double number = 0;
  const auto [end, problem] =
      std::from_chars(word.data(), word.data() + word.size(), number, std::chars_format::fixed);
  constexpr double kMost = 5e9;  // keepalived counts seconds in 32 bits
  if (problem != std::errc{} || end != word.data() + word.size() || number < 0 || number >= kMost)
    return std::nullopt;
  return std::chrono::microseconds(static_cast<std::int64_t>(number * 1e6 + 0.5));
}

void note_clamped(const Statement& statement, std::size_t n, const std::string& became,
                  Notes& notes) {
  notes.lost(statement.place, cut(statement.keyword()) + ": " + shown(statement.word(n)) +
                                  " is outside of what is possible here, and became " + became);
}

}  // namespace

Result<std::int64_t> integer_at(const Statement& statement, std::int64_t lowest,
                                std::int64_t highest, std::size_t n) {
  const auto value = integer_of(statement.word(n));
  if (value && *value >= lowest && *value <= highest) return *value;
  return unexpected_word(
      statement, n, "an integer from " + std::to_string(lowest) + " to " + std::to_string(highest));
}

Result<std::int64_t> leading_integer_at(const Statement& statement, std::int64_t lowest,
                                        std::int64_t highest, Notes& notes, std::size_t n) {
  const auto value = leading_integer_of(statement, n, notes);
  if (value && *value >= lowest && *value <= highest) return *value;
  return integer_at(statement, lowest, highest, n);  // says what was expected
}

Result<Duration> seconds_at(const Statement& statement, Duration lowest, Duration highest,
                            std::size_t n) {
  const auto value = seconds_of(statement.word(n));
  if (value && *value >= lowest && *value <= highest) return *value;
  return unexpected_word(statement, n, "seconds, from " + toml(lowest) + " to " + toml(highest));
}

Result<std::int64_t> integer_within(const Statement& statement, std::int64_t lowest,
                                    std::int64_t highest, Notes& notes, std::size_t n) {
  const auto value = leading_integer_of(statement, n, notes);
  if (!value || (*value < 0 && lowest >= 0))
    return integer_at(statement, lowest, highest, n);  // says what was expected
  const auto nearest = std::clamp(*value, lowest, highest);
  if (nearest != *value) note_clamped(statement, n, std::to_string(nearest), notes);
  return nearest;
}

Result<Duration> seconds_within(const Statement& statement, Duration lowest, Duration highest,
                                Notes& notes, std::size_t n) {
  const auto value = seconds_of(statement.word(n));
  if (!value) return seconds_at(statement, lowest, highest, n);
  const auto nearest = std::clamp(*value, lowest, highest);
  if (nearest != *value) note_clamped(statement, n, toml(nearest), notes);
  return nearest;
}

Result<Duration> whole_seconds_within(const Statement& statement, Duration lowest, Duration highest,
                                      Notes& notes, std::size_t n) {
  constexpr std::int64_t kMost = 4294;  // keepalived counts microseconds in 32 bits
  const auto value = leading_integer_of(statement, n, notes);
  if (!value || *value < 0 || *value > kMost)
    return fail(unexpected_word(statement, n, "whole seconds, to 4294").error().message +
                "; keepalived leaves it out");
  const Duration asked = std::chrono::seconds(*value);
  const auto nearest = std::clamp(asked, lowest, highest);
  if (nearest != asked) note_clamped(statement, n, toml(nearest), notes);
  return nearest;
}

Result<bool> flag_at(const Statement& statement, std::size_t n) {
  const auto word = statement.word(n);
  if (word.empty() || word == "on" || word == "true" || word == "yes") return true;
  if (word == "off" || word == "false" || word == "no") return false;
  return unexpected_word(statement, n, "on, off, true, false, yes or no");
}

Result<IpAddress> address_at(const Statement& statement, std::size_t n) {
  const auto word = statement.word(n);
  const auto address = IpAddress::parse(word.substr(0, word.find_first_of("-/")));
  if (!address) return unexpected_word(statement, n, "a numeric address");
  return *address;
}

}  // namespace tandem::importer
