// SPDX-License-Identifier: Apache-2.0
// keepalived's repetitions of a line:
//   ~SEQ(VAR, START, STEP, END) TEXT    TEXT for each number; ~SEQx: as hexadecimal
//   ~LST(VAR, A, B) TEXT                TEXT for each value
//   ~LST({V, W}, {A,B}, {C,D}) TEXT     for several variables at a time
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tandem::importer {

struct Sequence {
  static constexpr std::size_t kMostTurns = 65536;

  std::vector<std::string> names;
  std::vector<std::vector<std::string>> turns;  // each: a value for each name
  std::string text;                             // to be read in each turn
};

[[nodiscard]] bool is_sequence(std::string_view line);
// The error is without a place.
[[nodiscard]] Result<Sequence> parse_sequence(std::string_view line);

}  // namespace tandem::importer
