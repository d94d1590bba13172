// SPDX-License-Identifier: Apache-2.0
#include "observe/event_log.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/overloaded.hpp"

namespace tandem::observe {

using nlohmann::json;

namespace {

json address_or_null(const IpAddress& address) {
  return address.is_unspecified() ? json() : json(address.to_string());
}

json describe(const Event& event) {
  return std::visit(
      Overloaded{
          [](const TransitionEvent& e) -> json {
            json peer;
            if (!e.peer.is_unspecified())
              peer = {{"address", e.peer.to_string()}, {"priority", e.peer_priority}};
            return {{"kind", "transition"},
                    {"router", e.router},
                    {"from", vrrp::to_string(e.from)},
                    {"to", vrrp::to_string(e.to)},
                    {"cause", vrrp::to_string(e.cause)},
                    {"peer", peer}};
          },
          [](const DroppedAdvertEvent& e) -> json {
            return {{"kind", "dropped_advert"},
                    {"interface", e.interface},
                    {"source", address_or_null(e.source)},
                    {"vrid", e.vrid == 0 ? json() : json(e.vrid)},
                    {"reason", wire::to_string(e.reason)}};
          },
          [](const NotifyEvent& e) -> json {
            return {{"kind", "notify"},
                    {"router", e.router},
                    {"state", vrrp::to_string(e.state)},
                    {"good", e.good},
                    {"outcome", e.outcome}};
          },
          [](const CheckEvent& e) -> json {
            return {{"kind", "check"}, {"check", e.check}, {"up", e.up}, {"why", e.why}};
          },
          [](const AddressEvent& e) -> json {
            return {{"kind", "address"},
                    {"interface", e.interface},
                    {"address", e.address},
                    {"what", e.what}};
          },
          [](const NoticeEvent& e) -> json {
            return {{"kind", "notice"}, {"text", e.text}};
          },
      },
      event);
}

}  // namespace

void EventLog::add(const Now& now, MonotonicTime at, Event event) {
  if (capacity_ == 0) return;
  auto& ring = ring_of(event);
  if (ring.size() == capacity_) ring.pop_front();
  ring.push_back({++last_sequence_, now.wall_at(at), at, std::move(event)});
}

std::deque<EventLog::Entry>& EventLog::ring_of(const Event& event) {
  if (std::holds_alternative<DroppedAdvertEvent>(event)) return dropped_;
  if (std::holds_alternative<CheckEvent>(event)) return checks_;
  return std::holds_alternative<AddressEvent>(event) ? addresses_ : others_;
}

json EventLog::to_json(const Entry& entry) {
  json document = describe(entry.event);
  document["sequence"] = entry.sequence;
  document["time"] = iso_time(entry.wall);
  document["monotonic_ns"] = to_ns(entry.monotonic);
  return document;
}

namespace {

// The value that has the name.
template <class Enum>
Enum named(const json& name, Enum last) {
  const auto wanted = name.get<std::string>();
  for (int i = 0; i <= static_cast<int>(last); i++)
    if (wanted == vrrp::to_string(static_cast<Enum>(i))) return static_cast<Enum>(i);
  throw std::runtime_error("there is no '" + wanted + "'");
}

TransitionEvent transition_of(const json& entry) {
  TransitionEvent e{entry.at("router").get<std::string>(),
                    named(entry.at("from"), vrrp::State::fault),
                    named(entry.at("to"), vrrp::State::fault),
                    named(entry.at("cause"), vrrp::Cause::unserved),
                    {},
                    0};
  if (const json& peer = entry.at("peer"); !peer.is_null()) {
    const auto address = IpAddress::parse(peer.at("address").get<std::string>());
    if (!address) throw std::runtime_error("peer: expected an IP address");
    e.peer = *address;
    e.peer_priority = peer.at("priority").get<std::uint8_t>();
  }
  return e;
}

std::int64_t wall_ns(WallTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

WallTime wall_of(std::int64_t ns) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(ns)));
}

}  // namespace

std::string EventLog::transitions_text(std::size_t most) const {
  json kept = json::array();
  for (auto it = others_.rbegin(); it != others_.rend() && kept.size() < most; ++it) {
    if (!std::holds_alternative<TransitionEvent>(it->event)) continue;
    json entry = describe(it->event);
    entry["wall_ns"] = wall_ns(it->wall);
    entry["monotonic_ns"] = to_ns(it->monotonic);
    kept.push_back(std::move(entry));
  }
  std::ranges::reverse(kept);
  return json{{"transitions", std::move(kept)}}.dump(-1, ' ', false,
                                                     json::error_handler_t::replace) +
         "\n";
}

Result<void> EventLog::take_up(const std::string& text, const Now& now) {
  std::deque<Entry> entries;
  try {
    const json document = json::parse(text);
    for (const json& entry : document.at("transitions"))
      entries.push_back({0, wall_of(entry.at("wall_ns").get<std::int64_t>()),
                         from_ns(entry.at("monotonic_ns").get<std::uint64_t>()),
                         transition_of(entry)});
  } catch (const std::exception& error) {
    return fail(std::string("expected the JSON document that tandemd wrote there: ") +
                error.what());
  }
  for (Entry& entry : entries) {
    if (entry.monotonic > now.monotonic || others_.size() == capacity_) continue;
    entry.sequence = ++last_sequence_;
    others_.push_back(std::move(entry));
  }
  return {};
}

json EventLog::document(std::uint64_t after, std::size_t limit) const {
  std::vector<const Entry*> chosen;
  for (const auto* ring : {&dropped_, &checks_, &addresses_, &others_})
    for (const Entry& entry : *ring)
      if (entry.sequence > after) chosen.push_back(&entry);
  std::ranges::sort(chosen, {}, &Entry::sequence);
  if (chosen.size() > limit)
    chosen.erase(chosen.begin(), chosen.end() - static_cast<std::ptrdiff_t>(limit));

  json events = json::array();
  for (const Entry* entry : chosen) events.push_back(to_json(*entry));
  const std::uint64_t asked = last_sequence_ > after ? last_sequence_ - after : 0;
  return {{"events", std::move(events)},
          {"last_sequence", last_sequence_},
          {"missed", asked - chosen.size()}};
}

}  // namespace tandem::observe
