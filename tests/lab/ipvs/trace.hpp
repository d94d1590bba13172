// SPDX-License-Identifier: Apache-2.0
// A trace: what happens to one TCP service with direct routing, where only the client's segments
// come by. It is played to several sides, and each tells the same things about it.
//
//   backend B WEIGHT [MAX]   B is there from now on. MAX: of its connections, 0 for no limit
//   weight B WEIGHT          it has another weight
//   syn F, ack F, fin F, rst F
//                            the client's segment of the flow F comes; all but SYN have an ACK
//   wait SECONDS             nothing happens
//   look                     each flow is told of
//
// Each event is answered by one line, "step BACKEND B:ACTIVE/INACTIVE ...": where the segment went,
// "-" if nowhere, and how many connections each backend has then. "look" has a line for each flow
// before that, "flow F BACKEND STATE counts|rests".
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace tandem::ipvs {

struct Count {
  std::uint16_t backend;
  std::int64_t active, inactive;
};

struct Seen {
  std::uint32_t flow;
  std::uint16_t backend;
  std::string state;  // as this side calls it
  bool counts;        // as an active one
};

class Side {
 public:
  virtual ~Side() = default;
  virtual void add(std::uint16_t backend, std::uint16_t weight, std::uint32_t max) = 0;
  virtual void weigh(std::uint16_t backend, std::uint16_t weight) = 0;
  // flags: byte 13 of the TCP header. Gives the backend that got the segment.
  virtual std::optional<std::uint16_t> segment(std::uint32_t flow, std::uint8_t flags) = 0;
  virtual void wait(std::uint32_t seconds) = 0;
  virtual std::vector<Count> counts() = 0;
  virtual std::vector<Seen> flows() = 0;
};

// Plays the events of `in` to a side, and writes its answers. Throws std::runtime_error for a line
// that is no event.
void play(std::istream& in, Side& side, std::ostream& out);

}  // namespace tandem::ipvs
