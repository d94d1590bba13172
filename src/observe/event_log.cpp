// SPDX-License-Identifier: Apache-2.0
#include "observe/event_log.hpp"

#include <algorithm>
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
