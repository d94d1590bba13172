// SPDX-License-Identifier: Apache-2.0
// A table with a heading and aligned columns, two blanks apart; colours do not count as width. On a
// terminal that is too narrow, the last columns of a row follow in lines of their own, by name.
#pragma once

#include <string>
#include <vector>

#include "ctl/text.hpp"

namespace tandem::ctl {

struct Cell {
  std::string text;
  Tint tint = Tint::none;
};

class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  // As many cells as there are headings.
  void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  // Each line begins with `indent`, and none ends in blanks.
  [[nodiscard]] std::string render(const Style& style, const std::string& indent = "") const;

 private:
  [[nodiscard]] std::string rest_of(const std::vector<Cell>& row, std::size_t first,
                                    const Style& style, const std::string& indent) const;

  std::vector<std::vector<Cell>> rows_;  // the heading first
};

}  // namespace tandem::ctl
