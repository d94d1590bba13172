// SPDX-License-Identifier: Apache-2.0
// tandemctl top: the node, live. On a terminal until q; else one frame, or one document after
// another with --json.
#include <algorithm>
#include <ostream>
#include <thread>

#include "config/duration.hpp"
#include "ctl/command.hpp"
#include "ctl/top/live.hpp"
#include "ctl/top/sampler.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

constexpr Duration kShortest = std::chrono::milliseconds(100);
constexpr Duration kLongest = std::chrono::hours(1);

std::optional<Duration> interval_of(const std::string& text) {
  const auto interval = config::parse_duration(text);
  if (!interval || *interval < kShortest || *interval > kLongest) return std::nullopt;
  return interval;
}

std::optional<top::Page> page_of(const std::string& name) {
  const auto* page = std::ranges::find(top::kPages, name, top::to_string);
  if (page == top::kPages.end()) return std::nullopt;
  return *page;
}

void check_interval(const std::string& text) {
  if (!interval_of(text))
    throw po::error("--interval: expected a duration of 100ms to 1h, such as 500ms or 2s");
}

void check_page(const std::string& name) {
  if (page_of(name)) return;
  std::string names;
  for (const top::Page page : top::kPages)
    names += (names.empty() ? "" : ", ") + std::string(to_string(page));
  throw po::error("'" + name + "': expected one of " + names);
}

void top_options(po::options_description& named, po::positional_options_description& positional) {
  named.add_options()(
      "page", po::value<std::string>()->default_value("services")->notifier(check_page),
      "services, backends, vrrp, events or drops")("interval,i",
                                                   po::value<std::string>()
                                                       ->default_value("1s")
                                                       ->value_name("DURATION")
                                                       ->notifier(check_interval),
                                                   "between two looks at the daemon")(
      "once", po::bool_switch(), "one frame with all rows, after one interval");
  positional.add("page", 1);
}

void print_frame(const Session& session, const json& sample, top::Page page) {
  top::View view;
  view.page = page;
  const auto frame =
      top::draw(sample, view, top::kUnbounded, {session.style.unbounded(), session.utf8});
  for (const std::string& line : frame.lines) session.out << line << '\n';
}

// Rates take two samples, so that the first one is not shown.
Called<Exit> print(Session& session, Duration interval, top::Page page, bool once) {
  const top::Parts parts = session.json ? top::Parts{true, true} : parts_of(page);
  top::Samples samples;
  if (auto first = samples.next(session.client, parts); !first)
    return std::unexpected(first.error());
  do {
    std::this_thread::sleep_for(interval);
    auto sample = samples.next(session.client, parts);
    if (!sample) return std::unexpected(sample.error());
    if (!session.json)
      print_frame(session, *sample, page);
    else if (once)
      session.print(*sample);
    else
      session.out << sample->dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
  } while (session.json && !once && session.out);
  return kGood;
}

Called<Exit> run_top(Session& session, const po::variables_map& options) {
  const Duration interval = *interval_of(options["interval"].as<std::string>());
  const top::Page page = *page_of(options["page"].as<std::string>());
  const bool once = options["once"].as<bool>();
  if (session.screen && !session.json && !once) return top::run_live(session, interval, page);
  return print(session, interval, page, once);
}

}  // namespace

const Command kTop{
    "top",
    "[PAGE] [--interval DURATION] [--once]",
    "the node, live: virtual routers, load, rates, drops",
    "Shows the node on the whole terminal, again and again: what it is Active for, traffic and\n"
    "warnings, and below them a PAGE: services, backends, vrrp, events or drops.\n"
    "\n"
    "  Tab, Shift-Tab      the next page, the one before\n"
    "  s                   sort by the next column that can be sorted by; at last as configured\n"
    "  /                   show only rows that hold a text; Enter keeps it, Esc drops it\n"
    "  arrows, PgUp, PgDn, Home, End   scroll\n"
    "  q                   quit\n"
    "\n"
    "LOAD of a backend is its active connections for each unit of weight, against the highest of\n"
    "its service: what least_conn levels out. SHARE is of the service's active connections.\n"
    "Packets and bits per second are counted between two looks at the daemon.\n"
    "\n"
    "Where the output is no terminal, or with --once, it prints one frame with all rows. With\n"
    "--json it prints the documents of all pages as one, with what they counted \"per_second\": "
    "one\n"
    "a line, until interrupted, or a single one with --once.\n",
    top::kPatience,
    top_options,
    run_top,
};

}  // namespace tandem::ctl
