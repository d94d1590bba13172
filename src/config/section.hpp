// SPDX-License-Identifier: Apache-2.0
// A section is a TOML table described once: its keys with their kinds, defaults and meanings. The
// same description reads a file into a struct and writes the reference, so neither can miss a key.
//
// Reading never stops at a problem. A key that cannot be read leaves its default in the struct,
// and each item of an array leaves an item, so that indices are those of the file.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/problems.hpp"
#include "config/suggest.hpp"
#include "config/value.hpp"

namespace tandem::config {

template <class S>
struct Key {
  std::string_view name;
  std::string expected;      // by the kind
  std::string initial;       // the default as it would stand in a file; empty: see `otherwise`
  std::string_view meaning;  // one sentence
  std::function<void(const Value&, S&, Problems&)> read;
  bool is_required = false;
  std::string_view otherwise = "none";  // the default in words, where it is no value

  [[nodiscard]] Key required() && {
    is_required = true;
    return std::move(*this);
  }
  [[nodiscard]] Key or_else(std::string_view words) && {
    initial.clear();
    otherwise = words;
    return std::move(*this);
  }
};

struct AbsentKey {  // of the design, not of this build: refused with a reason
  std::string_view name;
  std::string_view why;
};

template <class S>
struct Section {
  std::string_view title;    // "[[vrrp]]"
  std::string_view meaning;  // for the reference
  std::vector<Key<S>> keys;
  std::vector<std::string_view> exactly_one_of = {};
  std::vector<AbsentKey> absent = {};
};

// ---- values -----------------------------------------------------------------

template <class Kind, class T>
void read_value(const Kind& kind, std::string_view key, const Value& value, T& out,
                Problems& problems) {
  if constexpr (requires { kind.read(key, value, out, problems); }) {
    kind.read(key, value, out, problems);
  } else if (auto parsed = kind.parse(value); !parsed) {
    problems.error(value.where,
                   std::string(key) + ": " + parsed.error() + ", expected " + kind.expected());
  } else if constexpr (std::is_arithmetic_v<T>) {
    out = static_cast<T>(*parsed);  // the kind's range is within T's
  } else {
    out = *std::move(parsed);
  }
}

template <class Kind, class T>
std::string show_initial(const Kind& kind, const T& value) {
  if constexpr (requires { value.has_value(); })
    return value ? kind.show(*value) : "";
  else
    return kind.show(value);
}

template <class S, class T, class Kind>
[[nodiscard]] Key<S> key(std::string_view name, T S::*member, Kind kind, std::string_view meaning) {
  auto initial = show_initial(kind, S{}.*member);
  auto expected = kind.expected();
  return {name, std::move(expected), std::move(initial), meaning,
          [=](const Value& value, S& out, Problems& problems) {
            read_value(kind, name, value, out.*member, problems);
          }};
}

// Keys of a struct, with those of one of its parts between them: in the file both stand in one table.
template <class S, class P>
[[nodiscard]] std::vector<Key<S>> with_part(std::vector<Key<S>> keys, P S::*part,
                                            const std::vector<Key<P>>& of_part,
                                            const std::vector<Key<S>>& after) {
  for (const auto& k : of_part)
    keys.push_back({k.name, k.expected, k.initial, k.meaning,
                    [part, read = k.read](const Value& value, S& out, Problems& problems) {
                      read(value, out.*part, problems);
                    },
                    k.is_required, k.otherwise});
  keys.insert(keys.end(), after.begin(), after.end());
  return keys;
}

// ---- tables -----------------------------------------------------------------

// The parts that do not depend on the struct.
void report_unknown_key(const Entry& entry, std::string_view title,
                        const std::vector<std::string>& known, const std::vector<AbsentKey>& absent,
                        Problems& problems);
void check_exactly_one(const Value& table, std::string_view title,
                       const std::vector<std::string_view>& names, Problems& problems);

template <class S>
void read_section(const Section<S>& section, const Value& table, S& out, Problems& problems) {
  std::vector<std::string> known;
  for (const auto& key : section.keys) {
    known.emplace_back(key.name);
    if (const auto* entry = table.find(key.name))
      key.read(entry->value, out, problems);
    else if (key.is_required)
      problems.error(table.where, std::string(key.name) + ": missing in " +
                                      std::string(section.title) + ", expected " + key.expected);
  }
  for (const auto& entry : *table.get<Value::Table>())
    if (std::ranges::find(known, entry.key) == known.end())
      report_unknown_key(entry, section.title, known, section.absent, problems);
  check_exactly_one(table, section.title, section.exactly_one_of, problems);
}

// A kind: one table of a section.
template <class S>
struct TableOf {
  const Section<S>& section;

  [[nodiscard]] std::string expected() const { return "a table " + std::string(section.title); }
  [[nodiscard]] std::string show(const S&) const { return ""; }
  void read(std::string_view key, const Value& value, S& out, Problems& problems) const {
    if constexpr (requires { out.where; }) out.where = value.where;
    if (value.get<Value::Table>() != nullptr) return read_section(section, value, out, problems);
    problems.error(value.where,
                   std::string(key) + ": " + shown(value) + " is no table, expected " + expected());
  }
};

// A kind: what another kind takes, of a member that is empty where the file has no such key.
template <class Kind>
struct Maybe {
  Kind kind;

  [[nodiscard]] std::string expected() const { return kind.expected(); }
  template <class T>
  [[nodiscard]] std::string show(const T& value) const {
    return kind.show(value);
  }
  template <class T>
  void read(std::string_view key, const Value& value, std::optional<T>& out,
            Problems& problems) const {
    read_value(kind, key, value, out.emplace(), problems);
  }
};

// A kind: an array of what another kind takes.
template <class Kind>
struct ListOf {
  Kind kind;
  std::size_t most;
  std::string items;  // "addresses"
  std::size_t least = 0;

  [[nodiscard]] std::string expected() const {
    return "an array of " + (least == most ? "" : std::to_string(least) + " to ") +
           std::to_string(most) + " " + items;
  }
  template <class T>
  [[nodiscard]] std::string show(const T&) const {
    return "";
  }
  template <class T>
  void read(std::string_view key, const Value& value, std::vector<T>& out,
            Problems& problems) const {
    const auto* array = value.get<Value::Array>();
    const std::string wanted = ", expected " + expected();
    if (array == nullptr) {
      problems.error(value.where, std::string(key) + ": " + shown(value) + " is no array" + wanted);
    } else if (array->size() < least || array->size() > most) {
      problems.error(value.where,
                     std::string(key) + ": " + std::to_string(array->size()) + " items" + wanted);
    } else {
      for (const auto& item : *array) read_value(kind, key, item, out.emplace_back(), problems);
    }
  }
};

}  // namespace tandem::config
