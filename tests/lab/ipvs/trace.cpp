// SPDX-License-Identifier: Apache-2.0
#include "trace.hpp"

#include <istream>
#include <map>
#include <ostream>
#include <sstream>
#include <stdexcept>

namespace tandem::ipvs {
namespace {

// RFC 9293, 3.1: FIN 1, SYN 2, RST 4, ACK 16.
const std::map<std::string, std::uint8_t> kFlags{{"syn", 2}, {"ack", 16}, {"fin", 17}, {"rst", 20}};

struct Event {
  std::string word;
  std::uint32_t number = 0, second = 0, third = 0;
};

Event read(const std::string& line) {
  std::istringstream words(line);
  Event event;
  words >> event.word >> event.number >> event.second >> event.third;
  return event;
}

void tell_flows(Side& side, std::ostream& out) {
  for (const Seen& each : side.flows())
    out << "flow " << each.flow << ' ' << each.backend << ' ' << each.state << ' '
        << (each.counts ? "counts" : "rests") << '\n';
}

std::optional<std::uint16_t> happen(const Event& event, Side& side, std::ostream& out) {
  const auto backend = static_cast<std::uint16_t>(event.number);
  const auto weight = static_cast<std::uint16_t>(event.second);
  if (const auto flags = kFlags.find(event.word); flags != kFlags.end())
    return side.segment(event.number, flags->second);
  if (event.word == "backend")
    side.add(backend, weight, event.third);
  else if (event.word == "weight")
    side.weigh(backend, weight);
  else if (event.word == "wait")
    side.wait(event.number);
  else if (event.word == "look")
    tell_flows(side, out);
  else
    throw std::runtime_error("expected an event of a trace, found '" + event.word + "'");
  return std::nullopt;
}

}  // namespace

void play(std::istream& in, Side& side, std::ostream& out) {
  for (std::string line; std::getline(in, line);) {
    const auto backend = happen(read(line), side, out);
    out << "step " << (backend ? std::to_string(*backend) : "-");
    for (const Count& each : side.counts())
      out << ' ' << each.backend << ':' << each.active << '/' << each.inactive;
    out << '\n';
  }
}

}  // namespace tandem::ipvs
