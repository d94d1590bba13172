// SPDX-License-Identifier: Apache-2.0
#include "ctl/table.hpp"

#include <algorithm>

namespace tandem::ctl {
namespace {

// Code points of UTF-8: good enough for names of routers and interfaces.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<std::string> headings) {
  std::vector<Cell> cells;
  for (std::string& heading : headings) cells.push_back({std::move(heading), Tint::strong});
  rows_.push_back(std::move(cells));
}

std::string Table::render(const Style& style, const std::string& indent) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width(row[i].text));

  std::string text;
  for (const auto& row : rows_) {
    text += indent;
    std::size_t blanks = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!row[i].text.empty()) {
        text += std::string(blanks, ' ') + style.tint(row[i].tint, row[i].text);
        blanks = 0;
      }
      blanks += widths[i] - width(row[i].text) + 2;
    }
    text += '\n';
  }
  return text;
}

}  // namespace tandem::ctl
