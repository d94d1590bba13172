// SPDX-License-Identifier: Apache-2.0
// What each page of `tandemctl top` lists, as a table that can be sorted and filtered. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ctl/table.hpp"
#include "ctl/top/sample.hpp"

namespace tandem::ctl::top {

enum class Page : std::uint8_t { services, backends, vrrp, events, drops };
inline constexpr std::array kPages{Page::services, Page::backends, Page::vrrp, Page::events,
                                   Page::drops};

[[nodiscard]] const char* to_string(Page page);
[[nodiscard]] Parts parts_of(Page page);

struct Row {
  std::vector<Cell> cells;
  std::vector<double> ranks;  // one for each of the listing's orders; greater ones come first
};

struct Listing {
  std::vector<std::string> headings;
  std::vector<std::string> orders;  // beside the order in which the daemon told the rows
  std::vector<Row> rows;
  std::string nothing;  // in place of rows
};

// `utf8`: bars may be drawn with more than ASCII.
[[nodiscard]] Listing list(Page page, const nlohmann::json& sample, bool utf8);

// Only rows that hold `filter` in any of their cells, upper and lower case alike; then the rows
// with the greatest rank of that order first. 0: as they were told.
void choose(Listing& listing, const std::string& filter, std::size_t order);

// A bar of `width` columns, filled from the left; `fraction` is of 0 to 1.
[[nodiscard]] std::string bar(double fraction, std::size_t width, bool utf8);

// "1.2k" of a rate, "9.8 Gb/s" of bytes a second; "-" of null.
[[nodiscard]] std::string per_second_text(const nlohmann::json& rate);
[[nodiscard]] std::string bits_text(const nlohmann::json& bytes_per_second);

}  // namespace tandem::ctl::top
