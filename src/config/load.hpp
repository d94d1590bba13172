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
  std::string what;  // "vrid: 256 is out of range, expected an integer from 1 to 255"
};
// "FILE:LINE:COL: what", with "warning: " before the what of a warning.
[[nodiscard]] std::string format(const Problem& problem, std::string_view file);

struct Loaded {
  Config config;                    // meaningful only without errors
  std::vector<Problem> problems;    // in the order of the file
  [[nodiscard]] bool good() const;  // no problem is an error
};

[[nodiscard]] Loaded parse(std::string_view toml_text);
[[nodiscard]] Loaded load_file(const std::string& path);  // an unreadable file is a problem at 0:0

}  // namespace tandem::config
