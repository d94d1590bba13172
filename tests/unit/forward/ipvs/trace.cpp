// SPDX-License-Identifier: Apache-2.0
#include "trace.hpp"

#include <array>
#include <istream>
#include <ostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace tandem::ipvs {
namespace {

constexpr std::array<std::string_view, 6> kNames{"backend", "syn", "ack", "fin", "rst", "wait"};

[[noreturn]] void wrong(const std::string& line, const char* expected) {
  throw std::runtime_error("'" + line + "': expected " + expected);
}

// RFC 9293, 3.1: FIN 1, SYN 2, RST 4, ACK 16.
std::uint8_t flags_of(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::syn:
      return 2;
    case Event::Kind::fin:
      return 17;
    case Event::Kind::rst:
      return 20;
    default:
      return 16;
  }
}

}  // namespace

Answer Side::answer(const Event& event) {
  Answer answer;
  if (event.kind == Event::Kind::backend)
    add(static_cast<std::uint16_t>(event.number), event.weight);
  else if (event.kind == Event::Kind::wait)
    wait(event.number);
  else
    answer.backend = segment(event.number, flags_of(event.kind));
  answer.counts = counts();
  return answer;
}

std::vector<Answer> play(const Trace& trace, Side& side) {
  std::vector<Answer> answers;
  for (const Event& event : trace) answers.push_back(side.answer(event));
  return answers;
}

// ---- Text

Trace read_trace(std::istream& in) {
  Trace trace;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    Event event{};
    words >> name >> event.number >> event.weight;
    std::size_t kind = 0;
    while (kind < kNames.size() && kNames[kind] != name) kind++;
    if (kind == kNames.size()) wrong(line, "an event of a trace");
    event.kind = static_cast<Event::Kind>(kind);
    trace.push_back(event);
  }
  return trace;
}

void write(std::ostream& out, const Trace& trace) {
  for (const Event& event : trace) {
    out << kNames[static_cast<std::size_t>(event.kind)] << ' ' << event.number;
    if (event.kind == Event::Kind::backend) out << ' ' << event.weight;
    out << '\n';
  }
}

std::vector<Answer> read_answers(std::istream& in) {
  std::vector<Answer> answers;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    Answer answer;
    if (!(words >> word)) wrong(line, "an answer");
    if (word != "-") answer.backend = static_cast<std::uint16_t>(std::stoi(word));
    Count count{};
    for (char colon = 0, slash = 0;
         words >> count.backend >> colon >> count.active >> slash >> count.inactive;)
      answer.counts.push_back(count);
    if (!words.eof()) wrong(line, "BACKEND B:ACTIVE/INACTIVE ...");
    answers.push_back(answer);
  }
  return answers;
}

void write(std::ostream& out, const Answer& answer) {
  out << (answer.backend ? std::to_string(*answer.backend) : "-");
  for (const Count& each : answer.counts)
    out << ' ' << each.backend << ':' << each.active << '/' << each.inactive;
  out << '\n';
}

// ---- At random

Trace random_trace(unsigned seed, int events, const std::vector<std::uint16_t>& weights,
                   std::uint32_t pause) {
  using Kind = Event::Kind;
  Trace trace;
  for (std::size_t i = 0; i < weights.size(); i++)
    trace.push_back({Kind::backend, static_cast<std::uint32_t>(i + 1), weights[i]});
  std::mt19937 random(seed);
  struct Flow {
    std::uint32_t number;
    bool established;
  };
  std::vector<Flow> open;
  std::vector<std::uint32_t> closed, reset;
  std::uint32_t next = 0;
  for (int i = 0; i < events; i++) {
    const auto dice = random() % 100;
    if (pause != 0 && i == events / 2) {
      trace.push_back({Kind::wait, pause});
    } else if (dice < 4 && !reset.empty()) {  // the same ports again
      open.push_back({reset.back(), false});
      trace.push_back({Kind::syn, reset.back()});
      reset.pop_back();
    } else if (open.empty() || (dice < 30 && open.size() < 300)) {
      open.push_back({next++, false});
      trace.push_back({Kind::syn, open.back().number});
    } else if (dice < 35 && !closed.empty()) {  // a straggler
      trace.push_back({Kind::ack, closed[random() % closed.size()]});
    } else {
      std::swap(open[random() % open.size()], open.back());
      Flow& flow = open.back();
      if (!flow.established && dice % 5 == 0) {
        trace.push_back({Kind::syn, flow.number});  // sent again
      } else if (!flow.established || dice < 60) {
        trace.push_back({Kind::ack, flow.number});
        flow.established = true;
      } else {
        const bool fin = dice % 4 != 0;
        trace.push_back({fin ? Kind::fin : Kind::rst, flow.number});
        (fin ? closed : reset).push_back(flow.number);
        open.pop_back();
      }
    }
  }
  return trace;
}

}  // namespace tandem::ipvs
