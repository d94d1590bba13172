// SPDX-License-Identifier: Apache-2.0
// A trace: what happens to one TCP service with direct routing, where only the client's segments
// come by. It is played to several sides - Tandem, a model of IPVS, IPVS itself - and each answers
// every event alike: with the backend that a segment went to, and with what each backend has then.
//
// As text, an event is a line:
//
//   backend B WEIGHT         B (1 to 200) is there from now on
//   syn F, ack F, fin F, rst F
//                            the client's segment of the flow F comes; all but SYN have an ACK
//   wait SECONDS             nothing happens
//
// and so is an answer: "BACKEND B:ACTIVE/INACTIVE ...", with - for no backend.
#pragma once

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace tandem::ipvs {

struct Event {
  enum class Kind : std::uint8_t { backend, syn, ack, fin, rst, wait };
  Kind kind;
  std::uint32_t number;  // of the backend or flow; seconds
  std::uint16_t weight = 0;
};
using Trace = std::vector<Event>;

struct Count {
  std::uint16_t backend;
  std::int64_t active, inactive;
  bool operator==(const Count&) const = default;
};

struct Answer {
  std::optional<std::uint16_t> backend;  // that got the segment
  std::vector<Count> counts;             // in the order in which backends came
  bool operator==(const Answer&) const = default;
};

class Side {
 public:
  virtual ~Side() = default;
  virtual void add(std::uint16_t backend, std::uint16_t weight) = 0;
  // flags: byte 13 of the TCP header. Gives the backend that got the segment.
  virtual std::optional<std::uint16_t> segment(std::uint32_t flow, std::uint8_t flags) = 0;
  virtual void wait(std::uint32_t seconds) = 0;
  virtual std::vector<Count> counts() = 0;

  Answer answer(const Event& event);
};

std::vector<Answer> play(const Trace& trace, Side& side);

// Throw std::runtime_error for a line that is none.
Trace read_trace(std::istream& in);
std::vector<Answer> read_answers(std::istream& in);
void write(std::ostream& out, const Trace& trace);
void write(std::ostream& out, const Answer& answer);

// Backends of these weights, and so many events of connections that come and go in all ways but
// those in which Tandem and IPVS mean to differ. Halfway nothing happens for `pause` seconds.
Trace random_trace(unsigned seed, int events, const std::vector<std::uint16_t>& weights,
                   std::uint32_t pause);

}  // namespace tandem::ipvs
