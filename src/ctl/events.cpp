// SPDX-License-Identifier: Apache-2.0
// tandemctl events: what happened lately, and what happens now.
#include <chrono>
#include <ostream>
#include <thread>

#include "control/requests.hpp"
#include "ctl/command.hpp"
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
  named.add_options()("lines,n", po::value<std::uint64_t>()->default_value(50)->value_name("N"),
                      "the newest N events")(
      "follow,f", po::bool_switch(), "go on, printing events as they happen, until interrupted");
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
  const control::EventsRequest request{0, options["lines"].as<std::uint64_t>()};
  const auto document = session.client.call("events", request.to_json());
  if (!document) return std::unexpected(document.error());
  const bool go_on = options["follow"].as<bool>();
  if (session.json && !go_on)
    session.print(*document);
  else
    print_events(session, *document);
  if (!go_on) return kGood;
  return follow(session, document->at("last_sequence").get<std::uint64_t>());
}

}  // namespace

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
    "[-n N] [--follow]",
    "the last transitions, dropped adverts, checks, notifications",
    "Shows what happened lately, oldest first: transitions with their cause, adverts that were\n"
    "dropped with the reason, checks that changed, outcomes of notify commands, addresses that\n"
    "were put back, reloads. Times are UTC. With --follow and --json, one object a line.\n",
    std::chrono::seconds(5),
    events_options,
    run_events,
};

}  // namespace tandem::ctl
