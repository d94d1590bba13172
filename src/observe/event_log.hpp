// SPDX-License-Identifier: Apache-2.0
// What happened lately, for `tandemctl events`. Bounded: dropped adverts have a ring of their own,
// so that a flood of them pushes no transition out. One sequence of numbers counts both, and
// never restarts while the daemon runs. Belongs to the control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>

#include "base/address.hpp"
#include "base/result.hpp"
#include "observe/clock.hpp"
#include "vrrp/action.hpp"
#include "wire/vrrp.hpp"

namespace tandem::observe {

struct TransitionEvent {
  std::string router;
  vrrp::State from;
  vrrp::State to;
  vrrp::Cause cause;
  IpAddress peer;                  // unspecified: no advert caused it
  std::uint8_t peer_priority = 0;  // meaningful with a peer
};
struct DroppedAdvertEvent {
  std::string interface;
  IpAddress source;       // unspecified: the packet did not parse that far
  std::uint8_t vrid = 0;  // 0: not known
  wire::AdvertDrop reason;
};
struct NotifyEvent {
  std::string router;
  vrrp::State state;    // that was to be told
  bool good = false;    // exit status 0, in time
  std::string outcome;  // "exit status 1", "killed after 10s"
};
struct CheckEvent {
  std::string check;
  bool up = false;
  std::string why;  // "connection refused", "503 Service Unavailable"
};
struct AddressEvent {  // put back after something else removed it, or swept
  std::string interface;
  std::string address;  // "192.0.2.100/24"
  std::string what;     // "restored", "swept at start"
};
struct NoticeEvent {  // anything else an operator asks about later: a reload, a lost interface
  std::string text;
};

using Event = std::variant<TransitionEvent, DroppedAdvertEvent, NotifyEvent, CheckEvent,
                           AddressEvent, NoticeEvent>;

class EventLog {
 public:
  // Keeps the last `capacity` of each kind that may come in floods: dropped adverts, checks and
  // backends, addresses that were put back; and of all others together, transitions among them.
  explicit EventLog(std::size_t capacity = 512) : capacity_(capacity) {}

  // `at`: when it happened, which may be a little before `now`.
  void add(const Now& now, MonotonicTime at, Event event);
  void add(Event event, MonotonicTime at = MonotonicClock::now()) {
    add(Now::read(), at, std::move(event));
  }

  // {"events": [...], "last_sequence": N, "missed": M}: of the events with a sequence number
  // greater than `after` the newest `limit`, oldest first; `missed` is how many of them are not
  // in the answer, because they are above the limit or have left the log.
  [[nodiscard]] nlohmann::json document(std::uint64_t after, std::size_t limit) const;

  // The newest transitions, oldest first, as text for the next process.
  [[nodiscard]] std::string transitions_text(std::size_t most) const;
  // Takes up those of an earlier process, before anything else is added. Of another boot than now's
  // there are none. Errors: it is no such text; nothing was taken up.
  Result<void> take_up(const std::string& text, const Now& now);

 private:
  struct Entry {
    std::uint64_t sequence;
    WallTime wall;
    MonotonicTime monotonic;
    Event event;
  };
  static nlohmann::json to_json(const Entry& entry);
  [[nodiscard]] std::deque<Entry>& ring_of(const Event& event);

  std::size_t capacity_;
  std::uint64_t last_sequence_ = 0;
  std::deque<Entry> dropped_, checks_, addresses_, others_;
};

}  // namespace tandem::observe
