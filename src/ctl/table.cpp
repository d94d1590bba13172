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

// Of all, from the left; at least one.
std::size_t columns_that_fit(const std::vector<std::size_t>& widths, std::size_t indent,
                             std::size_t most) {
  if (most == 0) return widths.size();
  std::size_t column = indent;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    column += widths[i];
    if (column > most && i > 0) return i;
    column += 2;
  }
  return widths.size();
}

}  // namespace

// HEADING value  HEADING value, in as many lines as it takes.
std::string Table::rest_of(const std::vector<Cell>& row, std::size_t first, const Style& style,
                           const std::string& indent) const {
  const std::string deeper = indent + "    ";
  std::string text;
  std::size_t column = 0;
  for (std::size_t i = first; i < row.size(); ++i) {
    if (row[i].text.empty()) continue;
    const std::string& heading = rows_.front()[i].text;
    const std::size_t size = width(heading) + 1 + width(row[i].text);
    if (column != 0 && column + 2 + size > style.columns()) {
      text += '\n';
      column = 0;
    }
    text += column == 0 ? deeper : "  ";
    column += (column == 0 ? deeper.size() : 2) + size;
    text += style.tint(Tint::faint, heading) + ' ' + style.tint(row[i].tint, row[i].text);
  }
  return text.empty() ? text : text + '\n';
}

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

  const std::size_t shown = columns_that_fit(widths, indent.size(), style.columns());
  std::string text;
  for (const auto& row : rows_) {
    text += indent;
    std::size_t blanks = 0;
    for (std::size_t i = 0; i < shown; ++i) {
      if (!row[i].text.empty()) {
        text += std::string(blanks, ' ') + style.tint(row[i].tint, row[i].text);
        blanks = 0;
      }
      blanks += widths[i] - width(row[i].text) + 2;
    }
    text += '\n';
    if (&row != &rows_.front()) text += rest_of(row, shown, style, indent);
  }
  return text;
}

}  // namespace tandem::ctl
