// SPDX-License-Identifier: Apache-2.0
// A frame of `tandemctl top`: the node in a few lines, then a page. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ctl/top/listing.hpp"

namespace tandem::ctl::top {

// What the keys move.
struct View {
  Page page = Page::services;
  std::size_t order = 0;  // 0: as the daemon tells the rows
  std::string filter;
  bool typing = false;     // the filter
  std::size_t scroll = 0;  // rows above the first one shown
};

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
inline constexpr Size kUnbounded{static_cast<std::size_t>(-1), static_cast<std::size_t>(-1)};

// How bars and colours come out.
struct Look {
  Style style;
  bool utf8 = false;
};

struct Frame {
  std::vector<std::string> lines;  // none wider than the screen
  std::size_t orders = 0;          // that the page has, without the daemon's own
  std::size_t scroll = 0;          // as far as there are rows
  std::size_t step = 1;            // rows of a screenful
};

// `trouble`: why the sample is an old one; empty if it is not.
[[nodiscard]] Frame draw(const nlohmann::json& sample, const View& view, const Size& size,
                         const Look& look, const std::string& trouble = "");

// As much of a line as fits; escape sequences have no width.
[[nodiscard]] std::string clip(const std::string& line, std::size_t columns);

}  // namespace tandem::ctl::top
