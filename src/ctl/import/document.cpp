// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/document.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

// Those of a virtual router and of a service; others stand in the order they were set in.
constexpr std::array<std::string_view, 41> kOrder{
    "name",           "interface",     "up_delay",
    "vrid",           "version",       "password",
    "auth",           "priority",      "advert_interval",
    "down_adverts",   "addresses",     "track",
    "preempt",        "preempt_delay", "startup_delay",
    "unicast_source", "unicast_peers", "check_unicast_source",
    "group",          "checksum",      "mac",
    "accept",         "sync_group",    "garp_repeat",
    "garp_delay",     "garp_refresh",  "garp_interval",
    "notify",         "command",       "address",
    "protocol",       "port",          "forward",
    "sources",        "scheduler",     "affinity",
    "check",          "interval",      "timeout",
    "fall",           "rise"};

std::size_t rank(const Setting& setting) {
  return static_cast<std::size_t>(std::ranges::find(kOrder, setting.key) - kOrder.begin());
}

class Paper {
 public:
  void line(std::string_view text, const Location& from = {}, const Spot& spot = {}) {
    written_.text += text;
    written_.text += '\n';
    written_.origins.push_back(from);
    written_.spots.push_back(spot);
  }
  void comment(std::string_view text, const Location& from = {}) {
    line(text.empty() ? "#" : "# " + one_line(text), from);
  }

  void table(const Table& table, std::size_t index) {
    line("");
    for (const auto& text : table.comments) comment(text, table.from);
    line(table.header, table.from, {index, {}, {}});
    std::vector<std::size_t> order(table.settings.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t n) { return rank(table.settings[n]); });
    for (const auto n : order) setting(table.settings[n], {index, n, {}});
  }

  void setting(const Setting& setting, const Spot& spot) {
    const std::string remark = setting.remark.empty() ? "" : "  # " + one_line(setting.remark);
    const auto element = [&](std::size_t n) { return Spot{spot.table, spot.setting, n}; };
    if (setting.elements.empty())
      return line(setting.key + " = " + setting.value + remark, setting.from, spot);
    if (setting.elements.size() == 1)
      return line(setting.key + " = [" + setting.elements[0].value + "]" + remark, setting.from,
                  element(0));
    line(setting.key + " = [" + remark, setting.from, spot);
    for (std::size_t n = 0; n < setting.elements.size(); ++n)
      line("  " + setting.elements[n].value + ",", setting.elements[n].from, element(n));
    line("]", setting.from, spot);
  }

  [[nodiscard]] Written take() && { return std::move(written_); }

 private:
  // TOML comments are UTF-8 without control characters.
  static std::string one_line(std::string_view text) {
    std::string out(text);
    const bool is_readable = is_utf8(text);
    std::ranges::replace_if(
        out,
        [&](char c) {
          const auto byte = static_cast<unsigned char>(c);
          return byte < ' ' || byte == 0x7f || (byte > 0x7f && !is_readable);
        },
        ' ');
    return out;
  }

  Written written_;
};

void write_notes(Paper& paper, const std::vector<Note>& notes, Note::Kind kind,
                 std::string_view title) {
  bool is_first = true;
  for (const auto& note : notes) {
    if (note.kind != kind || note.is_placed) continue;
    if (std::exchange(is_first, false)) {
      paper.line("");
      paper.comment(title);
    }
    paper.comment("  " + note.where.to_string() + ": " + note.what, note.where);
  }
}

}  // namespace

std::string toml(std::string_view text) {
  static constexpr std::string_view kHexadecimal = "0123456789abcdef";
  const bool is_readable = is_utf8(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < ' ' || byte == 0x7f || (byte > 0x7f && !is_readable)) {  // Latin-1
      out += "\\u00";
      out += kHexadecimal[byte >> 4];
      out += kHexadecimal[byte & 15];
    } else {
      if (c == '{' && out.ends_with('$')) out += '$';  // no variable of the environment
      out += c;
    }
  }
  return out + '"';
}

std::string toml(const std::vector<std::string>& strings) {
  std::string out = "[";
  for (const auto& text : strings) out += (out.size() > 1 ? ", " : "") + toml(text);
  return out + ']';
}

std::string toml(Duration duration) {
  const auto ns = duration.count();
  constexpr std::int64_t kMillisecond = 1'000'000;
  constexpr std::int64_t kSecond = 1'000 * kMillisecond;
  if (ns % kSecond == 0) return '"' + std::to_string(ns / kSecond) + "s\"";
  if (ns % kMillisecond == 0) return '"' + std::to_string(ns / kMillisecond) + "ms\"";
  return '"' + std::to_string(ns / 1000) + "us\"";
}

void Table::set(const std::string& key, std::string value, const Location& place,
                std::string remark) {
  const auto known = std::ranges::find(settings, key, &Setting::key);
  auto& setting = known != settings.end() ? *known : settings.emplace_back();
  setting = {key, std::move(value), {}, place, std::move(remark)};
}

void Table::add(const std::string& key, std::string element, const Location& place) {
  auto known = std::ranges::find(settings, key, &Setting::key);
  if (known == settings.end())
    known = settings.insert(settings.end(), Setting{key, {}, {}, place, {}});
  known->elements.push_back({std::move(element), place});
}

const Setting* Table::find(std::string_view key) const {
  const auto known = std::ranges::find(settings, key, &Setting::key);
  return known == settings.end() ? nullptr : &*known;
}

Written write(const std::vector<std::string>& head, const std::vector<Table>& tables,
              const std::vector<Note>& notes) {
  Paper paper;
  for (const auto& text : head) paper.comment(text);
  for (std::size_t n = 0; n < tables.size(); ++n) paper.table(tables[n], n);
  write_notes(paper, notes, Note::Kind::lost, "Not carried over:");
  write_notes(paper, notes, Note::Kind::trap, "Cautions:");
  write_notes(paper, notes, Note::Kind::implied, "Needs no setting here:");
  return std::move(paper).take();
}

}  // namespace tandem::importer
