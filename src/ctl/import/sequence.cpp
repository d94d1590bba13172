// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/sequence.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

using Fields = std::vector<std::string>;

// At commas that are not between braces.
Fields split_fields(std::string_view text) {
  Fields fields(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    if (c == ',' && depth == 0)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  for (auto& field : fields) field = trimmed(field);
  return fields;
}

// "{A, B}" as A and B; anything else as itself.
Fields unbraced(const std::string& field) {
  if (!field.starts_with('{') || !field.ends_with('}')) return {field};
  return split_fields(std::string_view(field).substr(1, field.size() - 2));
}

// Decimal, 0x... or 0...
std::optional<std::int64_t> whole(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.starts_with('0')) {
    base = 8;
  }
  std::uint32_t value = 0;  // 32 bits: sums of these fit into 64
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return is_negative ? -std::int64_t{value} : std::int64_t{value};
}

std::string hexadecimal(std::int64_t n) {
  std::array<char, 17> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), static_cast<std::uint64_t>(n), 16);
  return {digits.begin(), end.ptr};
}

Result<Sequence> parse_numbers(const Fields& fields, bool is_hexadecimal, std::string text) {
  const auto wrong = [] {
    return fail("~SEQ: expected ~SEQ(NAME, START, STEP, END) TEXT with whole numbers");
  };
  if (fields.size() < 2 || fields.size() > 4 || !is_name(fields[0])) return wrong();
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const auto number = whole(fields[i]);
    if (!number) return wrong();
    numbers.push_back(*number);
  }
  const std::int64_t last = numbers.back();
  const std::int64_t first = numbers.size() > 1 ? numbers.front() : last < 0 ? -1 : 1;
  const std::int64_t step = numbers.size() > 2 ? numbers[1] : first <= last ? 1 : -1;
  if (step == 0 || (step > 0) != (first <= last))
    return fail("~SEQ: the step never reaches the end");
  if ((last - first) / step >= static_cast<std::int64_t>(Sequence::kMostTurns))
    return fail("~SEQ: expected at most 65536 turns");
  Sequence sequence{{fields[0]}, {}, std::move(text)};
  for (std::int64_t n = first; step > 0 ? n <= last : n >= last; n += step)
    sequence.turns.push_back({is_hexadecimal ? hexadecimal(n) : std::to_string(n)});
  return sequence;
}

Result<Sequence> parse_list(const Fields& fields, std::string text) {
  Sequence sequence{unbraced(fields[0]), {}, std::move(text)};
  for (const auto& name : sequence.names)
    if (!is_name(name)) return fail("~LST: expected ~LST(NAME, VALUE, ...) TEXT");
  for (std::size_t i = 1; i < fields.size(); ++i) {
    sequence.turns.push_back(unbraced(fields[i]));
    if (sequence.turns.back().size() != sequence.names.size())
      return fail("~LST: expected as many values as names in each {...}");
  }
  if (sequence.turns.empty()) return fail("~LST: expected a value at least");
  return sequence;
}

}  // namespace

bool is_sequence(std::string_view line) {
  return line.starts_with("~SEQ") || line.starts_with("~LST");
}

Result<Sequence> parse_sequence(std::string_view line) {
  const auto open = line.find('(');
  const auto close = line.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return fail("~SEQ: expected ~SEQ(NAME, START, STEP, END) TEXT");
  const auto kind = trimmed(line.substr(0, open));
  const auto fields = split_fields(line.substr(open + 1, close - open - 1));
  auto text = trimmed(line.substr(close + 1));
  if (kind == "~SEQ" || kind == "~SEQx") return parse_numbers(fields, kind == "~SEQx", text);
  if (kind == "~LST") return parse_list(fields, text);
  return fail("expected ~SEQ(...), ~SEQx(...) or ~LST(...)");
}

}  // namespace tandem::importer
