// SPDX-License-Identifier: Apache-2.0
// tandemctl events: what happened lately, and what happens now.
#include <array>
#include <chrono>
#include <ctime>
#include <optional>
#include <ostream>
#include <regex>
#include <thread>

#include "config/duration.hpp"
#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kPollInterval{250};
constexpr std::uint64_t kFollowBatch = 1000;

EventText transition_text(const json& event) {
  const auto to = text_at(event, "to");
  std::string what =
      text_at(event, "from") + " -> " + state_text(to) + ": " + text_at(event, "cause");
  if (const json& peer = event.at("peer"); !peer.is_null())
    what += " (" + text_at(peer, "address") + ", priority " +
            std::to_string(peer.at("priority").get<int>()) + ")";
  return {text_at(event, "router"), what, state_tint(to)};
}

EventText dropped_text(const json& event) {
  std::string what = "advert dropped: " + text_at(event, "reason");
  if (!event.at("source").is_null()) what += ", from " + text_at(event, "source");
  if (!event.at("vrid").is_null()) what += ", VRID " + std::to_string(event.at("vrid").get<int>());
  return {text_at(event, "interface"), what, Tint::warn};
}

void events_options(po::options_description& named, po::positional_options_description&) {
  named.add_options()("since", po::value<std::string>()->value_name("TIME"),
                      "those that are not older: 90s, 10m, 2h, 3d, or 2026-11-30T12:00 (UTC)")(
      "lines,n", po::value<std::uint64_t>()->default_value(50)->value_name("N"),
      "the newest N events")("follow,f", po::bool_switch(),
                             "go on, printing events as they happen, until interrupted");
}

// Times are text of one form: the earlier one is the lesser one.
void leave_out_before(const std::string& since, json& document) {
  json kept = json::array();
  for (json& event : document.at("events"))
    if (text_at(event, "time") >= since) kept.push_back(std::move(event));
  document["events"] = std::move(kept);
  document["missed"] = 0;
}

// Followed events are one JSON object a line, so that a reader can take them as they come.
void print_events(const Session& session, const json& document) {
  if (const auto missed = document.at("missed").get<std::uint64_t>(); missed > 0 && !session.json)
    session.out << session.style.tint(Tint::faint,
                                      "(" + std::to_string(missed) + " earlier events not shown)")
                << '\n';
  for (const json& event : document.at("events")) {
    if (session.json)
      session.out << event.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
    else
      session.out << render_event(event, session.style) << '\n';
  }
  session.out.flush();
}

Called<Exit> follow(Session& session, std::uint64_t after) {
  while (session.out) {
    std::this_thread::sleep_for(kPollInterval);
    const auto document =
        session.client.call("events", control::EventsRequest{after, kFollowBatch}.to_json());
    if (!document) return std::unexpected(document.error());
    print_events(session, *document);
    after = document->at("last_sequence").get<std::uint64_t>();
  }
  return kGood;
}

Called<Exit> run_events(Session& session, const po::variables_map& options) {
  control::EventsRequest request{0, options["lines"].as<std::uint64_t>()};
  std::optional<std::string> since;
  if (const auto text = given<std::string>(options, "since")) {
    since = beginning_of(*text, std::chrono::system_clock::now());
    if (!since)
      throw po::error(
          "--since: expected a duration such as 10m or 3d, or a time such as "
          "2026-11-30T12:00");
    if (options["lines"].defaulted()) request.limit = UINT64_MAX;
  }
  auto document = session.client.call("events", request.to_json());
  if (!document) return std::unexpected(document.error());
  if (since) leave_out_before(*since, *document);
  const bool go_on = options["follow"].as<bool>();
  if (session.json && !go_on)
    session.print(*document);
  else
    print_events(session, *document);
  if (!go_on) return kGood;
  return follow(session, document->at("last_sequence").get<std::uint64_t>());
}

}  // namespace

std::optional<std::string> beginning_of(const std::string& since,
                                        std::chrono::system_clock::time_point now) {
  static const std::regex kTime(R"(\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d(\.\d+)?)?)?)?Z?)");
  if (std::regex_match(since, kTime))
    return since.ends_with('Z') ? since.substr(0, since.size() - 1) : since;
  std::optional<Duration> ago;
  if (since.ends_with('d')) {
    ago = config::parse_duration(since.substr(0, since.size() - 1) + "h");
    if (ago) *ago *= 24;
  } else {
    ago = config::parse_duration(since);
  }
  if (!ago) return std::nullopt;
  const auto then = std::chrono::system_clock::to_time_t(
      now - std::chrono::duration_cast<std::chrono::seconds>(*ago));
  std::array<char, 32> text{};
  std::tm parts{};
  gmtime_r(&then, &parts);
  std::strftime(text.data(), text.size(), "%FT%T", &parts);
  return text.data();
}

EventText event_text(const json& event) {
  const auto kind = text_at(event, "kind");
  if (kind == "transition") return transition_text(event);
  if (kind == "dropped_advert") return dropped_text(event);
  if (kind == "notify")
    return {text_at(event, "router"),
            "notify " + text_at(event, "state") + ": " + text_at(event, "outcome"),
            event.at("good") == true ? Tint::none : Tint::bad};
  if (kind == "check") {
    const bool up = event.at("up").get<bool>();
    return {text_at(event, "check"),
            std::string("check ") + (up ? "up" : "down") + ": " + text_at(event, "why"),
            up ? Tint::good : Tint::bad};
  }
  if (kind == "address")
    return {text_at(event, "interface"), text_at(event, "address") + " " + text_at(event, "what"),
            Tint::warn};
  if (kind == "notice") return {"-", text_at(event, "text")};
  return {"-", kind};  // of a newer daemon
}

std::string render_event(const json& event, const Style& style) {
  constexpr std::size_t kSubjectWidth = 12;
  const EventText line = event_text(event);
  const std::size_t blanks =
      line.subject.size() < kSubjectWidth ? kSubjectWidth - line.subject.size() : 0;
  return style.tint(Tint::faint, text_at(event, "time")) + "  " +
         style.tint(Tint::strong, line.subject) + std::string(blanks + 2, ' ') +
         style.tint(line.tint, line.what);
}

const Command kEvents{
    "events",
    "[-n N] [--since TIME] [--follow]",
    "the last transitions, dropped adverts, checks, notifications",
    "Shows what happened lately, oldest first: transitions with their cause, adverts that were\n"
    "dropped with the reason, checks that changed, outcomes of notify commands, addresses that\n"
    "were put back, reloads. Times are UTC. With --follow and --json, one object a line.\n",
    std::chrono::seconds(5),
    events_options,
    run_events,
};

}  // namespace tandem::ctl
