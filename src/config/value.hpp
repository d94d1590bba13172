// SPDX-License-Identifier: Apache-2.0
// A TOML document as a plain tree whose parts know their place in the file. The rest of the room
// works on this tree; the TOML library is seen by value.cpp alone.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace tandem::config {

struct Entry;

struct Value {
  using Table = std::vector<Entry>;
  using Array = std::vector<Value>;
  struct Other {            // what no key takes: floats, dates, what nests too deep
    std::string_view noun;  // "a float"
  };

  Location where;
  std::variant<Table, Array, std::string, std::int64_t, bool, Other> data;

  template <class T>
  [[nodiscard]] const T* get() const noexcept {
    return std::get_if<T>(&data);
  }
  // nullptr if this is no table or has no such key.
  [[nodiscard]] const Entry* find(std::string_view key) const noexcept;
};

struct Entry {
  std::string key;
  Location where;  // of the key
  Value value;
};

struct SyntaxError {
  Location where;
  std::string message;
};
// TOML 1.0 text to its tree, or the first error in it.
[[nodiscard]] std::expected<Value, SyntaxError> parse_toml(std::string_view text);

// text between double quotes, cut where it is long. (Not named quoted(): std::quoted would be found
// as well, for a std::string.)
[[nodiscard]] std::string in_quotes(std::string_view text);

// For problems: `"51" is a string`, "an array".
[[nodiscard]] std::string type_of(const Value& value);  // "a string"
[[nodiscard]] std::string shown(const Value& value);    // "\"51\"", "256", else its type

// A way down the tree: keys of tables and indices of arrays.
using Step = std::variant<std::string_view, std::size_t>;
// Where the value at the end of the way is, or the last on the way that exists.
[[nodiscard]] Location place(const Value& root, std::initializer_list<Step> way);

}  // namespace tandem::config
