// SPDX-License-Identifier: Apache-2.0
// Every order of a few things that move an address: handovers and their way back, gates that open and
// shut, a node that dies and comes back, a check that fails. Whatever came first, the two never answer
// beside each other for longer than an advert takes there and back, nobody preempts without the
// flows, and when the gates are open again the address comes home: none waits for ever.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "simulation.hpp"
#include "vrrp/timers.hpp"

namespace tandem::scenario {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kEachAdvert = milliseconds(100);
constexpr WireSettings kQuietWire{milliseconds(5), milliseconds(3), {}};

struct Step {
  const char* name;
  void (*take)(Simulation&);
};

template <int Node>
void crash_or_start(Simulation& s) {
  s.running(Node) ? s.crash(Node) : s.start(Node);
}
template <int Node>
void hand_over(Simulation& s) {
  if (s.running(Node)) s.fail_over(Node, 0);
}
template <int Node>
void take_back(Simulation& s) {
  if (s.running(Node)) s.back(Node, 0);
}

// Node 0 has the higher priority, until its check fails.
constexpr std::array kSteps{
    Step{"0 hands over", hand_over<0>},
    Step{"1 hands over", hand_over<1>},
    Step{"0 takes back", take_back<0>},
    Step{"1 takes back", take_back<1>},
    Step{"0 dies or starts", crash_or_start<0>},
    Step{"1 dies or starts", crash_or_start<1>},
    Step{"0 lacks flows", [](Simulation& s) { s.in_sync(0, false); }},
    Step{"0 has all flows", [](Simulation& s) { s.in_sync(0, true); }},
    Step{"1 lacks flows", [](Simulation& s) { s.in_sync(1, false); }},
    Step{"the check of 0 fails",
         [](Simulation& s) {
           if (s.running(0)) s.track(0, 1, false);
         }},
};

Simulation::Routers only_router(std::uint8_t priority) {
  vrrp::Settings s;
  s.name = "VI_1";
  s.vrid = 51;
  s.priority = priority;
  s.advert_interval = kEachAdvert;
  s.addresses = {*IpAddress::parse("192.0.2.100")};
  s.tracked = {{"nginx", 1, -60}};
  s.waits_for_flows = true;
  return {s};
}

void come_home(Simulation& s) {
  for (int node = 0; node < kNodes; ++node) {
    if (!s.running(node)) s.start(node);
    s.track(node, 1, true);
    s.in_sync(node, true);
  }
  s.run(seconds(2));
  for (int node = 0; node < kNodes; ++node) s.back(node, 0);
  s.run(seconds(2));
}

// Each step is followed at once, in the middle of a handover, or when all is quiet.
constexpr std::array kPauses{milliseconds(0), milliseconds(30), milliseconds(800)};

using Four = std::array<std::size_t, 4>;

void play(const Four& steps, const Four& pauses, std::uint32_t seed) {
  Simulation s(seed, kQuietWire, {only_router(150), only_router(100)});
  s.in_sync(0, true);
  s.in_sync(1, true);
  s.start(0);
  s.start(1);
  s.run(seconds(2));
  std::string story;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = kSteps[steps[i]];
    const Duration pause = kPauses[pauses[i]];
    story += std::string(step.name) + ", " + std::to_string(pause / milliseconds(1)) + " ms; ";
    step.take(s);
    s.run(pause);
  }
  come_home(s);
  EXPECT_TRUE(s.active(0, 0)) << story;
  EXPECT_FALSE(s.active(1, 0)) << story;
  EXPECT_EQ(s.violation(), "") << story;
  EXPECT_LE(s.longest_overlap(), 2 * kQuietWire.most_delay) << story;
  EXPECT_LE(s.longest_ghost(), vrrp::lease_time(kEachAdvert, 3)) << story;
}

// The next of all values below `end`; false: that was the last.
bool next(Four& digits, std::size_t end, std::size_t places = 4) {
  for (std::size_t i = 0; i < places; ++i) {
    if (++digits[i] < end) return true;
    digits[i] = 0;
  }
  return false;
}

TEST(MovesSearch, EveryOrderOfFourStepsEndsWell) {
  std::uint32_t seed = 0;
  Four steps{}, pauses{};  // behind the last step it is quiet in any case
  do {
    do {
      play(steps, pauses, ++seed);
      if (testing::Test::HasFailure()) return;
    } while (next(pauses, kPauses.size(), 3));
  } while (next(steps, kSteps.size()));
}

}  // namespace
}  // namespace tandem::scenario
