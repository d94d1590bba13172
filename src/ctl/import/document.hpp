// SPDX-License-Identifier: Apache-2.0
// The result of an import: tables of tandem.toml that know where each of their lines came from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "ctl/import/notes.hpp"

namespace tandem::importer {

// Values as TOML writes them.
[[nodiscard]] std::string toml(std::string_view text);
[[nodiscard]] std::string toml(const std::vector<std::string>& strings);
[[nodiscard]] std::string toml(Duration duration);  // "1s", "250ms", in the largest whole unit

// An element of an array that is written a line each.
struct Element {
  std::string value;
  Location from;
};

struct Setting {
  std::string key;
  std::string value;              // TOML; of an array its elements instead
  std::vector<Element> elements;  // if any
  Location from;
  std::string remark;  // behind it, as a comment
};

struct Table {
  std::string header;  // "[node]", "[[vrrp]]"
  Location from;
  std::vector<std::string> comments;  // above it
  std::vector<Setting> settings;

  // The last word counts, as keepalived has it.
  void set(const std::string& key, std::string value, const Location& place,
           std::string remark = {});
  void add(const std::string& key, std::string element, const Location& place);
  [[nodiscard]] const Setting* find(std::string_view key) const;
};

// What a line of the result is of. Indices; none: of no table, of the table as a whole, of a setting
// that is no array.
struct Spot {
  std::optional<std::size_t> table, setting, element;
  auto operator<=>(const Spot&) const = default;
};

struct Written {
  std::string text;
  std::vector<Location> origins;  // of each line; without a file: it came from nowhere
  std::vector<Spot> spots;        // of each line
};

// Tables as a file, keys in the order of the reference, with `head` as comments above and the
// notes that are not above a table below.
[[nodiscard]] Written write(const std::vector<std::string>& head, const std::vector<Table>& tables,
                            const std::vector<Note>& notes);

}  // namespace tandem::importer
