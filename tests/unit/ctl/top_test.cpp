// SPDX-License-Identifier: Apache-2.0
// What tandemctl top draws, what keys do to it, and how fast counters go.
#include <gtest/gtest.h>

#include "ctl/top/live.hpp"
#include "ctl/top/sample.hpp"

namespace tandem::ctl::top {
namespace {

using nlohmann::json;
using Kind = Key::Kind;

json traffic(json row, std::uint64_t packets) {
  row.update({{"packets_in", packets},
              {"bytes_in", packets * 100},
              {"packets_out", packets},
              {"bytes_out", packets * 1000}});
  return row;
}

json backend(int host, const char* state, int active, int weight, std::uint64_t packets) {
  return traffic({{"service", "api"},
                  {"address", "198.51.100." + std::to_string(host)},
                  {"port", 80},
                  {"state", state},
                  {"why", state == std::string("up") ? "check: HTTP 200" : "check: HTTP 503"},
                  {"for_seconds", 61.0},
                  {"slow_start", host == 22 ? json(0.25) : json()},
                  {"active", active},
                  {"max_connections", 0},
                  {"weight", weight},
                  {"new_per_second", 1.5}},
                 packets);
}

// `packets`: what its counters have come to.
json sample(std::uint64_t packets) {
  json document = json::parse(R"({
    "status": {"node": "node-a", "version": "1.2.3", "engine": "xdp", "uptime_seconds": 3600.0,
               "packets": {"tx/forward": 0, "drop/ttl-exceeded": 0},
               "adverts": {"dropped": {"ttl": 3, "checksum": 0}}, "warnings": ["look here"]},
    "routers": [
      {"name": "VI_1", "state": "Active", "for_seconds": 60.0, "priority": {"effective": 150},
       "lease_ms": 2500.0, "peer": null, "transitions": 1, "cause": "no advert", "warnings": [],
       "addresses": [{"address": "192.0.2.100/24"}]},
      {"name": "VI_2", "state": "Backup", "for_seconds": 60.0, "priority": {"effective": 100},
       "lease_ms": null, "transitions": 1, "cause": "started", "warnings": [],
       "peer": {"address": "192.0.2.3", "priority": 150, "seen_seconds_ago": 0.25},
       "addresses": [{"address": "192.0.2.101/24"}]}],
    "counts": {"active_in_table": 30, "active_in_schedulers": 30, "agree": true},
    "services": [], "backends": []})");
  document["status"]["packets"]["tx/forward"] = packets;
  document["services"].push_back(traffic({{"name", "api"},
                                          {"address", "192.0.2.100"},
                                          {"port", 8080},
                                          {"protocol", "tcp"},
                                          {"forward", "nat"},
                                          {"scheduler", "least_conn"},
                                          {"lease", true},
                                          {"backends", {{"up", 2}, {"draining", 0}, {"down", 1}}},
                                          {"flows", {{"active", 30}, {"total", 40}}},
                                          {"new_per_second", 4.5},
                                          {"refused", 0}},
                                         packets));
  document["backends"] = {backend(21, "up", 10, 1, packets), backend(22, "up", 20, 4, packets),
                          backend(23, "down", 0, 1, 0)};
  return document;
}

json rated(std::uint64_t before, std::uint64_t now) {
  json document = sample(now);
  put_rates(document, sample(before), std::chrono::seconds(2));
  return document;
}

std::string text(const Frame& frame) {
  std::string all;
  for (const auto& line : frame.lines) all += line + "\n";
  return all;
}

Frame drawn(const View& view, const Size& size = {120, 20}, const std::string& trouble = "") {
  return draw(rated(1000, 5000), view, size, {Style(false), true}, trouble);
}

View on(Page page) {
  View view;
  view.page = page;
  return view;
}

TEST(TopFrame, ShowsTheNodeAboveAPage) {
  EXPECT_EQ(text(drawn(on(Page::backends), {140, 17})),
            R"(node-a  Tandem 1.2.3, engine xdp, up for 1h 0m
30 active flows, counts equal flows; 4.5 new/s; in 2k packets/s, 1.6 Mb/s; out 2k, 16 Mb/s; 0 dropped/s
  warning: look here

ROUTER  STATE            FOR    PRIORITY  LEASE  PEER                        ADDRESSES
VI_1    Active (master)  1m 0s  150       2.5s   none heard yet              192.0.2.100/24
VI_2    Backup           1m 0s  100       none   192.0.2.3 (150), 250ms ago  192.0.2.101/24

 services [backends] vrrp  events  drops 
BACKEND           SERVICE  STATE  FOR    LOAD        ACTIVE  SHARE  WEIGHT  NEW/S  IN PKT/S  OUT PKT/S  WHY
198.51.100.21:80  api      up     1m 1s  ██████████  10      33.3%  1       1.5    2k        2k         check: HTTP 200
198.51.100.22:80  api      up     1m 1s  █████       20      66.7%  4       1.5    2k        2k         slow start: 25%; check: HTTP 200
198.51.100.23:80  api      down   1m 1s              0       0%     1       1.5    0         0          check: HTTP 503



q quit   Tab page   s sort   / filter   arrows, PgUp, PgDn, Home, End scroll
)");
}

TEST(TopFrame, KeepsToTheScreen) {
  for (const Page page : kPages)
    for (std::size_t rows = 1; rows < 30; rows++)
      for (const std::size_t columns : {1U, 20U, 80U}) {
        const Frame frame = drawn(on(page), {columns, rows}, "no answer");
        EXPECT_EQ(frame.lines.size(), rows);
        for (const auto& line : frame.lines) EXPECT_EQ(clip(line, columns), line);
      }
}

TEST(TopFrame, ScrollsAsFarAsThereAreRows) {
  View view = on(Page::backends);
  view.scroll = 1000;
  const Frame frame = drawn(view, {130, 7});
  EXPECT_EQ(frame.step, 3U);
  EXPECT_EQ(frame.scroll, 0U);
  const Frame low = drawn(view, {130, 5});
  EXPECT_EQ(low.step, 2U);
  EXPECT_EQ(low.scroll, 1U);
  EXPECT_NE(text(low).find("rows 2 to 3 of 3"), std::string::npos) << text(low);
}

TEST(TopFrame, SaysWhenItsFiguresAreOld) {
  EXPECT_EQ(drawn(on(Page::vrrp), {80, 24}, "OLD FIGURES: no answer").lines.at(1),
            "OLD FIGURES: no answer");
}

TEST(TopFrame, WarnsWhenCountsDisagree) {
  json document = rated(0, 0);
  document["counts"] = {{"active_in_table", 3}, {"active_in_schedulers", 4}, {"agree", false}};
  EXPECT_NE(text(draw(document, {}, {}, {Style(false), false})).find("these must be equal"),
            std::string::npos);
}

TEST(TopFrame, ClipsByColumnsAndNotByBytes) {
  EXPECT_EQ(clip("█████", 2), "██");
  EXPECT_EQ(clip("\x1b[31mred\x1b[0m rest", 3), "\x1b[31mred\x1b[0m");
  EXPECT_EQ(clip("\x1b[31mred\x1b[0m", 2), "\x1b[31mre\x1b[0m");
}

TEST(TopListing, SortsAndFilters) {
  Listing listing = list(Page::backends, rated(0, 0), true);
  choose(listing, "", 1);  // active
  EXPECT_EQ(listing.rows.front().cells.front().text, "198.51.100.22:80");
  choose(listing, "", 2);  // load
  EXPECT_EQ(listing.rows.front().cells.front().text, "198.51.100.21:80");
  choose(listing, "", 5);  // state
  EXPECT_EQ(listing.rows.front().cells.front().text, "198.51.100.23:80");
  choose(listing, "http 503", 0);
  EXPECT_EQ(listing.rows.size(), 1U);
  choose(listing, "nowhere", 0);
  EXPECT_TRUE(listing.rows.empty());
  EXPECT_EQ(listing.nothing, "No row holds 'nowhere'.");
}

TEST(TopListing, ListsOnlyWhatHappenedToPackets) {
  const Listing listing = list(Page::drops, rated(1000, 5000), true);
  ASSERT_EQ(listing.rows.size(), 2U);
  EXPECT_EQ(listing.rows[0].cells[0].text, "tx/forward");
  EXPECT_EQ(listing.rows[0].cells[1].text, "2k");
  EXPECT_EQ(listing.rows[1].cells[0].text, "advert dropped: ttl");
  EXPECT_EQ(listing.rows[1].cells[2].text, "3");
}

TEST(TopListing, DrawsBars) {
  EXPECT_EQ(bar(0.5, 10, true), "█████");
  EXPECT_EQ(bar(0.99, 1, true), "█");
  EXPECT_EQ(bar(0.3, 1, true), "▎");
  EXPECT_EQ(bar(7, 3, true), "███");
  EXPECT_EQ(bar(-1, 3, true), "");
  EXPECT_EQ(bar(0.5, 10, false), "#####");
}

TEST(TopListing, WordsRates) {
  EXPECT_EQ(per_second_text(json()), "-");
  EXPECT_EQ(per_second_text(1.25), "1.25");
  EXPECT_EQ(per_second_text(999.4), "999");
  EXPECT_EQ(per_second_text(999.6), "1k");
  EXPECT_EQ(per_second_text(29'760'000), "29.8M");
  EXPECT_EQ(bits_text(1.25e9), "10 Gb/s");
}

TEST(TopRates, AreUnknownWhereACounterWentBack) {
  EXPECT_EQ(rated(1000, 5000)["services"][0]["per_second"]["bytes_out"], 2'000'000);
  EXPECT_TRUE(rated(5000, 1000)["services"][0]["per_second"]["bytes_out"].is_null());
  EXPECT_EQ(rated(5000, 5000)["backends"][0]["per_second"]["packets_in"], 0);
}

TEST(TopRates, AreUnknownOfWhatIsNew) {
  json now = sample(5000);
  put_rates(now, json::object(), std::chrono::seconds(2));
  EXPECT_TRUE(now["services"][0]["per_second"]["packets_in"].is_null());
  EXPECT_TRUE(now["status"]["per_second"]["packets"]["tx/forward"].is_null());
  EXPECT_EQ(draw(now, {}, {}, {Style(false), false}).lines.at(1).substr(0, 60),
            "30 active flows, counts equal flows; 4.5 new/s; in - packets");
}

TEST(TopKeys, AreReadWhole) {
  KeyReader reader;
  EXPECT_EQ(reader.read("q\t\x1b[A\x1bOB\x1b[5~\x7f"), (std::vector<Key>{{Kind::character, "q"},
                                                                         {Kind::tab, ""},
                                                                         {Kind::up, ""},
                                                                         {Kind::down, ""},
                                                                         {Kind::page_up, ""},
                                                                         {Kind::erase, ""}}));
  EXPECT_TRUE(reader.read("\x1b[").empty());
  EXPECT_TRUE(reader.waits());
  EXPECT_EQ(reader.read("Z"), (std::vector<Key>{{Kind::back_tab, ""}}));
  EXPECT_TRUE(reader.read("\xc3").empty());
  EXPECT_EQ(reader.read("\xa4"), (std::vector<Key>{{Kind::character, "ä"}}));
  EXPECT_TRUE(reader.read("\x1b[15~\x01").empty());  // F5, Ctrl-A: no meaning
  EXPECT_FALSE(reader.waits());
  EXPECT_TRUE(reader.read("\x1b").empty());
  EXPECT_EQ(reader.give_up(), (std::vector<Key>{{Kind::escape, ""}}));
  EXPECT_FALSE(reader.waits());
}

TEST(TopKeys, MoveTheView) {
  View view;
  const auto press = [&](Kind kind, const char* text = "") {
    return apply({kind, text}, drawn(view, {130, 14}), view);
  };
  EXPECT_TRUE(press(Kind::tab));
  EXPECT_EQ(view.page, Page::backends);
  EXPECT_TRUE(press(Kind::back_tab) && press(Kind::back_tab));
  EXPECT_EQ(view.page, Page::drops);
  for (std::size_t order : {1U, 2U, 0U}) {
    EXPECT_TRUE(press(Kind::character, "s"));
    EXPECT_EQ(view.order, order);
  }
  EXPECT_TRUE(press(Kind::character, "/") && press(Kind::character, "q") &&
              press(Kind::character, "ä") && press(Kind::erase) && press(Kind::enter));
  EXPECT_EQ(view.filter, "q");
  EXPECT_FALSE(view.typing);
  EXPECT_TRUE(press(Kind::escape));
  EXPECT_EQ(view.filter, "");
  EXPECT_FALSE(press(Kind::character, "q"));
}

}  // namespace
}  // namespace tandem::ctl::top
