// SPDX-License-Identifier: Apache-2.0
// TOML text to Config. Every problem in the file is reported, not only the first.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace tandem::config {

enum class Severity : std::uint8_t { error, warning };

struct Problem {
  Severity severity = Severity::error;
  Location where;
  std::string what;    // "vrid: 256 is out of range, expected an integer from 1 to 255"
  std::string file{};  // that it is in; empty: the one that was named
};
// "FILE:LINE:COL: what", with "warning: " before the what of a warning. file: that was named.
[[nodiscard]] std::string format(const Problem& problem, std::string_view file);

struct Loaded {
  Config config;                     // meaningful only without errors
  std::vector<Problem> problems;     // in the order of the file
  std::vector<std::string> files{};  // that were read, the named one first
  // Problems of this configuration that were found elsewhere.
  void add(std::vector<Problem> more);
  [[nodiscard]] bool good() const;  // no problem is an error
};

// path: of the file, for what it includes. node: whose section counts; empty: see compose.hpp.
[[nodiscard]] Loaded parse(std::string_view toml_text, const std::string& path = "",
                           const std::string& node = "");
// An unreadable file is a problem at 0:0.
[[nodiscard]] Loaded load_file(const std::string& path, const std::string& node = "");
// The name of the other one of two nodes in a file with a section for each; empty: there is none.
[[nodiscard]] std::string other_node(const std::string& path, const std::string& node);

}  // namespace tandem::config
