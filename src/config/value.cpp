// SPDX-License-Identifier: Apache-2.0
#include "config/value.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tandem::config {
namespace {

// Deeper than any key is; what lies below is not looked at.
constexpr int kDeepest = 8;
// The library limits how deep brackets nest, but not how many dots a key has, and it destroys
// tables recursively. With both bounded so is the recursion: 256 brackets, with a key before each.
constexpr int kMostDots = 16;

Location location(const toml::source_region& source) {
  return {static_cast<int>(source.begin.line), static_cast<int>(source.begin.column)};
}

Value::Other other(const toml::node& node) {
  if (node.is_floating_point()) return {"a float"};
  if (node.is_date() || node.is_time() || node.is_date_time()) return {"a date or time"};
  return {"nested too deep"};
}

Value convert(const toml::node& node, int depth) {
  Value value{location(node.source()), Value::Other{"nested too deep"}};
  if (depth > kDeepest) return value;
  if (const auto* table = node.as_table()) {
    Value::Table entries;
    for (const auto& [key, child] : *table)
      entries.push_back(
          {std::string(key.str()), location(key.source()), convert(child, depth + 1)});
    value.data = std::move(entries);
  } else if (const auto* array = node.as_array()) {
    Value::Array items;
    for (const auto& child : *array) items.push_back(convert(child, depth + 1));
    value.data = std::move(items);
  } else if (const auto* text = node.as_string()) {
    value.data = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.data = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.data = boolean->get();
  } else {
    value.data = other(node);
  }
  return value;
}

// The library says "Error while parsing PART: WHY".
std::string message_of(std::string_view description) {
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  return "syntax error in " + std::string(description) + ", expected TOML 1.0";
}

Location location_of(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::ranges::count(before, '\n')) + 1,
          static_cast<int>(offset - line_start) + 1};
}

// The rest of text after the string that begins at its head.
std::string_view skip_string(std::string_view text) {
  const char quote = text.front();
  const std::array<char, 3> three{quote, quote, quote};
  const std::string_view triple(three.data(), three.size());
  const auto end = text.starts_with(triple) ? triple : triple.substr(0, 1);
  text.remove_prefix(end.size());
  while (!text.empty() && !text.starts_with(end)) {
    if (end.size() == 1 && text.front() == '\n') return text;  // not closed: a syntax error
    const bool escape = quote == '"' && text.front() == '\\';
    text.remove_prefix(std::min<std::size_t>(escape ? 2 : 1, text.size()));
  }
  text.remove_prefix(std::min(end.size(), text.size()));
  return text;
}

// Where a key has more than kMostDots. Between keys there is always one of the other characters;
// what a value holds of dots, a float or a date, is one.
std::optional<Location> find_long_key(std::string_view text) {
  const auto whole = text;
  int dots = 0;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '"' || c == '\'') {
      text = skip_string(text);
      continue;
    }
    if (c == '.' && ++dots > kMostDots) return location_of(whole, whole.size() - text.size());
    if (std::string_view("\n=,[{").find(c) != std::string_view::npos) dots = 0;
    text.remove_prefix(c == '#' ? std::min(text.find('\n'), text.size()) : 1);
  }
  return std::nullopt;
}

}  // namespace

std::expected<Value, SyntaxError> parse_toml(std::string_view text) {
  if (const auto where = find_long_key(text))
    return std::unexpected(SyntaxError{
        *where, "too many dots in a key, expected at most " + std::to_string(kMostDots)});
  try {
    return convert(toml::parse(text), 0);
  } catch (const toml::parse_error& error) {
    return std::unexpected(SyntaxError{location(error.source()), message_of(error.description())});
  }
}

const Entry* Value::find(std::string_view key) const noexcept {
  const auto* table = get<Table>();
  if (table == nullptr) return nullptr;
  const auto found = std::ranges::find(*table, key, &Entry::key);
  return found == table->end() ? nullptr : &*found;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongestShown = 80;
  if (text.size() <= kLongestShown) return '"' + std::string(text) + '"';
  auto cut = kLongestShown;
  while (cut > 0 && (text[cut] & 0xc0) == 0x80) --cut;  // not within a UTF-8 character
  return '"' + std::string(text.substr(0, cut)) + "...\"";
}

std::string type_of(const Value& value) {
  if (const auto* rest = value.get<Value::Other>()) return std::string(rest->noun);
  constexpr std::array kNouns{"a table", "an array", "a string", "an integer", "a boolean"};
  return kNouns.at(value.data.index());
}

std::string shown(const Value& value) {
  if (const auto* text = value.get<std::string>()) return in_quotes(*text);
  if (const auto* integer = value.get<std::int64_t>()) return std::to_string(*integer);
  if (const auto* boolean = value.get<bool>()) return *boolean ? "true" : "false";
  return type_of(value);
}

Location place(const Value& root, std::initializer_list<Step> way) {
  const Value* at = &root;
  for (const auto& step : way) {
    if (const auto* key = std::get_if<std::string_view>(&step)) {
      const auto* entry = at->find(*key);
      if (entry == nullptr) break;
      at = &entry->value;
    } else {
      const auto* items = at->get<Value::Array>();
      const auto index = std::get<std::size_t>(step);
      if (items == nullptr || index >= items->size()) break;
      at = &(*items)[index];
    }
  }
  return at->where;
}

}  // namespace tandem::config
