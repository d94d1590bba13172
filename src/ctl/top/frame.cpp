// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/frame.hpp"

#include <algorithm>
#include <sstream>

namespace tandem::ctl::top {

using nlohmann::json;

namespace {

constexpr std::size_t kMostWarnings = 3;
constexpr std::size_t kMostRouters = 4;  // above the page: the vrrp page has all
constexpr std::size_t kFewestRows = 3;   // of the page, however much there is above it

using Lines = std::vector<std::string>;

Lines split(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  return lines;
}

std::string title(const json& status, const Style& style) {
  return style.tint(Tint::strong, text_at(status, "node")) + "  Tandem " +
         text_at(status, "version") + ", engine " + text_at(status, "engine") + ", up for " +
         duration_text(status.at("uptime_seconds").get<double>());
}

// Of all services; "-" before there are two samples.
std::string total(const json& services, const char* counter, std::string (*text)(const json&)) {
  double sum = 0;
  for (const json& service : services) {
    const json& rate = service.at("per_second").at(counter);
    if (rate.is_null()) return "-";
    sum += rate.get<double>();
  }
  return text(sum);
}

double drops_per_second(const json& rates) {
  double sum = 0;
  for (const auto& [reason, rate] : rates.at("packets").items())
    if (reason.starts_with("drop/") && !rate.is_null()) sum += rate.get<double>();
  return sum;
}

std::string counts_text(const json& counts, const Style& style) {
  const std::string table = number(counts.at("active_in_table"));
  if (counts.at("agree") == true) return table + " active flows, counts equal flows";
  return style.tint(Tint::bad, table + " active flows in the tables, " +
                                   number(counts.at("active_in_schedulers")) +
                                   " in the schedulers: these must be equal");
}

std::string traffic_line(const json& sample, const Style& style) {
  const json& services = sample.at("services");
  double fresh = 0;
  for (const json& service : services) fresh += service.at("new_per_second").get<double>();
  const double dropped = drops_per_second(sample.at("status").at("per_second"));
  return counts_text(sample.at("counts"), style) + "; " + per_second_text(fresh) + " new/s; in " +
         total(services, "packets_in", per_second_text) + " packets/s, " +
         total(services, "bytes_in", bits_text) + "; out " +
         total(services, "packets_out", per_second_text) + ", " +
         total(services, "bytes_out", bits_text) + "; " +
         style.tint(dropped > 0 ? Tint::warn : Tint::none, per_second_text(dropped) + " dropped/s");
}

Lines warnings(const json& sample, const Style& style) {
  Lines all = split(warning_lines(sample.at("status").at("warnings"), style));
  for (const json& router : sample.at("routers"))
    for (const std::string& line : split(warning_lines(router.at("warnings"), style)))
      all.push_back("  " + text_at(router, "name") + line);
  if (all.size() > kMostWarnings) {
    const std::size_t more = all.size() - kMostWarnings;
    all.resize(kMostWarnings);
    all.push_back("  and " + std::to_string(more) + " more: see tandemctl status");
  }
  return all;
}

Lines routers(const json& sample, const Look& look) {
  const json& routers = sample.at("routers");
  Table table({"ROUTER", "STATE", "FOR", "PRIORITY", "LEASE", "PEER", "ADDRESSES"});
  for (std::size_t i = 0; i < std::min(routers.size(), kMostRouters); i++) {
    auto cells = list(Page::vrrp, {{"routers", {routers.at(i)}}}, look.utf8).rows.front().cells;
    cells.resize(7);  // without how often it changed, and why
    table.row(std::move(cells));
  }
  Lines lines = table.empty() ? Lines{} : split(table.render(look.style));
  if (routers.size() > kMostRouters)
    lines.push_back("and " + std::to_string(routers.size() - kMostRouters) + " more: page vrrp");
  return lines;
}

std::string tabs(const View& view, const Listing& listing, const Style& style) {
  std::string text;
  for (const Page page : kPages) {
    const std::string name = to_string(page);
    text += page == view.page ? style.tint(Tint::strong, "[" + name + "]") : " " + name + " ";
  }
  if (view.order > 0) text += "  sorted by " + listing.orders[view.order - 1];
  if (view.typing || !view.filter.empty())
    text += "  filter: " + printable(view.filter) + (view.typing ? "_" : "");
  return text;
}

std::string keys(const View& view, const Style& style) {
  return style.tint(Tint::faint, view.typing
                                     ? "Enter keep the filter   Esc drop it"
                                     : "q quit   Tab page   s sort   / filter   arrows, PgUp, "
                                       "PgDn, Home, End scroll");
}

Lines table_lines(const Listing& listing, const Style& style) {
  if (listing.rows.empty()) return {"", listing.nothing};
  Table table(listing.headings);
  for (const Row& row : listing.rows) table.row(row.cells);
  return split(table.render(style));
}

void append(Lines& lines, Lines more) {
  std::ranges::move(more, std::back_inserter(lines));
}

Lines head(const json& sample, const View& view, const Look& look, const std::string& trouble) {
  Lines lines{title(sample.at("status"), look.style)};
  if (!trouble.empty()) lines.push_back(look.style.tint(Tint::bad, printable(trouble)));
  lines.push_back(traffic_line(sample, look.style));
  append(lines, warnings(sample, look.style));
  if (view.page != Page::vrrp) {
    lines.emplace_back();
    append(lines, routers(sample, look));
  }
  lines.emplace_back();
  return lines;
}

}  // namespace

Frame draw(const json& sample, const View& view, const Size& size, const Look& look,
           const std::string& trouble) {
  Listing listing = list(view.page, sample, look.utf8);
  choose(listing, view.filter, view.order);
  Lines lines = head(sample, view, look, trouble);
  // On a screen too low for all, what is above the page gives way.
  constexpr std::size_t kAround = 3;  // tabs, headings, keys
  if (size.rows != kUnbounded.rows) {
    const std::size_t most =
        size.rows > kAround + kFewestRows ? size.rows - kAround - kFewestRows : 0;
    if (lines.size() > most) lines.resize(most);
  }
  lines.push_back(tabs(view, listing, look.style));

  Lines rows = table_lines(listing, look.style);
  lines.push_back(std::move(rows.front()));  // headings
  rows.erase(rows.begin());

  Frame frame;
  frame.orders = listing.orders.size();
  const std::size_t room = size.rows - std::min(size.rows, lines.size() + 1);
  frame.step = std::max<std::size_t>(room, 1);
  frame.scroll = std::min(view.scroll, rows.size() - std::min(rows.size(), room));
  const std::size_t shown = std::min(rows.size() - frame.scroll, room);
  const auto first = rows.begin() + static_cast<std::ptrdiff_t>(frame.scroll);
  append(lines, {first, first + static_cast<std::ptrdiff_t>(shown)});
  if (size.rows != kUnbounded.rows) {
    lines.resize(size.rows - 1);
    std::string foot;
    if (shown < rows.size())
      foot = "rows " + std::to_string(frame.scroll + 1) + " to " +
             std::to_string(frame.scroll + shown) + " of " + std::to_string(rows.size()) + "   ";
    foot += keys(view, look.style);
    lines.push_back(std::move(foot));
  }
  for (const std::string& line : lines) frame.lines.push_back(clip(line, size.columns));
  return frame;
}

std::string clip(const std::string& line, std::size_t columns) {
  std::string text;
  std::size_t width = 0;
  for (std::size_t i = 0; i < line.size(); i++) {
    if (line[i] == '\x1b') {  // of Style: ends in 'm'
      const std::size_t end = std::min(line.find('m', i), line.size() - 1);
      text.append(line, i, end - i + 1);
      i = end;
      continue;
    }
    const bool begins = (line[i] & 0xc0) != 0x80;  // a code point of UTF-8
    if (begins && ++width > columns) continue;
    if (width <= columns) text += line[i];
  }
  return text;
}

}  // namespace tandem::ctl::top
