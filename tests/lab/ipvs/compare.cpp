// SPDX-License-Identifier: Apache-2.0
// ipvs_compare trace SEED EVENTS WEIGHT...: a trace at random, to stdout
// ipvs_compare check TRACE ANSWERS: IPVS's answers to it, beside those of its model and of Tandem
//
// `check` ends with 1 if the model answers any event in another way than IPVS did.
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "ipvs/model_side.hpp"
#include "ipvs/tandem_side.hpp"

namespace tandem::ipvs {
namespace {

constexpr std::uint32_t kPause = 11;  // seconds: what was reset is forgotten

int trace(int count, char** words) {
  std::vector<std::uint16_t> weights;
  for (int i = 4; i < count; i++)
    weights.push_back(static_cast<std::uint16_t>(std::atoi(words[i])));
  write(std::cout, random_trace(static_cast<unsigned>(std::atoi(words[2])), std::atoi(words[3]),
                                weights, kPause));
  return 0;
}

struct Beside {
  std::size_t elsewhere = 0;     // segments that went to another backend
  std::size_t other_counts = 0;  // events after which some backend's counts are others
  std::int64_t apart = 0;        // active connections of a backend, at most
  std::int64_t sum_apart = 0;    // and of all together
};

Beside compare(const std::vector<Answer>& theirs, const std::vector<Answer>& ours) {
  Beside b;
  for (std::size_t i = 0; i < theirs.size(); i++) {
    b.elsewhere += theirs[i].backend != ours[i].backend;
    b.other_counts += theirs[i].counts != ours[i].counts;
    std::int64_t sum = 0;
    for (std::size_t n = 0; n < theirs[i].counts.size(); n++) {
      const std::int64_t difference = ours[i].counts[n].active - theirs[i].counts[n].active;
      b.apart = std::max(b.apart, std::abs(difference));
      sum += difference;
    }
    b.sum_apart = std::max(b.sum_apart, std::abs(sum));
  }
  return b;
}

void print(const char* name, const Beside& b) {
  std::cout << name << ": " << b.elsewhere << " segments to other backends, other counts after "
            << b.other_counts << " events; active connections of a backend at most " << b.apart
            << " apart, of all together " << b.sum_apart << '\n';
}

int check(const char* trace_file, const char* answers_file) {
  std::ifstream trace_in(trace_file), answers_in(answers_file);
  if (!trace_in || !answers_in) throw std::runtime_error("cannot read the trace or the answers");
  const Trace trace = read_trace(trace_in);
  const auto kernel = read_answers(answers_in);
  if (kernel.size() != trace.size())
    throw std::runtime_error(std::to_string(kernel.size()) + " answers to " +
                             std::to_string(trace.size()) + " events");
  ModelSide model;
  TandemSide tandem;
  const Beside of_model = compare(kernel, play(trace, model));
  std::cout << trace.size() << " events, beside IPVS:\n";
  print("  its model", of_model);
  print("  Tandem   ", compare(kernel, play(trace, tandem)));
  return of_model.elsewhere == 0 && of_model.apart == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tandem::ipvs

int main(int count, char** words) try {
  const std::string_view what = count > 1 ? words[1] : "";
  if (what == "trace" && count > 4) return tandem::ipvs::trace(count, words);
  if (what == "check" && count == 4) return tandem::ipvs::check(words[2], words[3]);
  std::cerr << "usage: ipvs_compare trace SEED EVENTS WEIGHT... | check TRACE ANSWERS\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "ipvs_compare: " << error.what() << '\n';
  return 1;
}
