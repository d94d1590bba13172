// SPDX-License-Identifier: Apache-2.0
// Two nodes on one wire, with random delays, losses, crashes and stalls. Whatever happens, an
// address must not be answered by both, and when all is quiet it is answered by exactly one.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>

#include "simulation.hpp"

namespace tandem::scenario {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kSeeds = 300;

vrrp::Settings router(int number, int priority, const std::string& group = {}) {
  vrrp::Settings s;
  s.name = "VI_" + std::to_string(number);
  s.vrid = static_cast<std::uint8_t>(50 + number);
  s.priority = static_cast<std::uint8_t>(priority);
  s.advert_interval = milliseconds(100);
  s.addresses = {*IpAddress::parse("192.0.2." + std::to_string(100 + number))};
  s.sync_group = group;
  s.tracked = {{"nginx", 1, -60}, {"uplink", 2, std::nullopt}};
  return s;
}

// Dual master: each node is better for one address.
std::array<Simulation::Routers, 2> dual_master() {
  return {{{router(1, 150), router(2, 100)}, {router(1, 100), router(2, 150)}}};
}

std::array<Simulation::Routers, 2> one_group() {
  return {{{router(1, 150, "G"), router(2, 150, "G")}, {router(1, 100, "G"), router(2, 100, "G")}}};
}

// The trap of sync groups: no node is better for both.
std::array<Simulation::Routers, 2> crossed_group() {
  return {{{router(1, 150, "G"), router(2, 100, "G")}, {router(1, 100, "G"), router(2, 150, "G")}}};
}

void expect_exactly_one_active(const Simulation& simulation) {
  for (vrrp::RouterId id = 0; id < simulation.routers(); ++id) {
    EXPECT_NE(simulation.active(0, id), simulation.active(1, id)) << "router " << id;
  }
}

// One random thing that happens to a node. lossy: a stopped node may lose what queued up.
void disturb(Simulation& simulation, bool lossy, std::mt19937& random) {
  const int node = static_cast<int>(random() % kNodes);
  if (simulation.stopped(node)) return simulation.resume(node, lossy && random() % 2 == 0);
  if (!simulation.running(node)) return simulation.start(node);
  switch (random() % 6) {
    case 0:
      return simulation.crash(node);
    case 1:
      return simulation.stop(node);
    case 2:
      return simulation.fail_over(node, static_cast<vrrp::RouterId>(random() % 2));
    default:
      return simulation.track(node, static_cast<std::uint16_t>(1 + random() % 2),
                              random() % 2 == 0);
  }
}

void restore(Simulation& simulation) {
  for (int node = 0; node < kNodes; ++node) {
    if (simulation.stopped(node)) simulation.resume(node, false);
    if (!simulation.running(node)) simulation.start(node);
    simulation.track(node, 1, true);
    simulation.track(node, 2, true);
  }
}

struct Case {
  const char* name;
  std::array<Simulation::Routers, 2> (*routers)();
};

class TwoNodes : public testing::TestWithParam<Case> {
 protected:
  // Half a minute of disturbances, then quiet.
  void live(Simulation& simulation, bool lossy, std::uint32_t seed) {
    std::mt19937 random(seed);
    simulation.start(0);
    simulation.start(1);
    for (int i = 0; i < 60; ++i) {
      simulation.run(milliseconds(random() % 1000));
      disturb(simulation, lossy, random);
    }
    restore(simulation);
    simulation.set_loss(0);
    simulation.run(seconds(5));
    const std::uint64_t moved = simulation.transitions();
    expect_exactly_one_active(simulation);
    simulation.run(seconds(10));
    EXPECT_EQ(simulation.transitions(), moved) << "it does not come to rest";
    expect_exactly_one_active(simulation);
  }
};

TEST_P(TwoNodes, NeverBothAnswerOnALossFreeWire) {
  for (std::uint32_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const WireSettings wire;
    Simulation simulation(seed, wire, GetParam().routers());
    live(simulation, false, seed);
    // Two that are alive know of each other after the wire's delay; where the older one insists
    // (its priority rose at that moment), after a round trip. No longer than that.
    EXPECT_LE(simulation.longest_overlap(), 2 * wire.most_delay);
    EXPECT_EQ(simulation.violation(), "");
  }
}

TEST_P(TwoNodes, ComeToRestAfterALossyWire) {
  for (std::uint32_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    WireSettings wire;
    wire.loss = 0.3;
    Simulation simulation(seed, wire, GetParam().routers());
    live(simulation, true, seed);
  }
}

TEST_P(TwoNodes, StartTogetherWithoutTossing) {
  for (std::uint32_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed, {milliseconds(20), milliseconds(0), 0}, GetParam().routers());
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(3));
    expect_exactly_one_active(simulation);
    // Each router: to Backup on both nodes, Active on one; a collision costs two more each.
    EXPECT_LE(simulation.transitions(), 4 * simulation.routers() * 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Vrrp, TwoNodes,
                         testing::Values(Case{"DualMaster", dual_master},
                                         Case{"OneSyncGroup", one_group},
                                         Case{"CrossedSyncGroup", crossed_group}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(TwoNodes, TheAddressMovesAfterAKill) {
  Simulation simulation(1, {}, dual_master());
  simulation.start(0);
  simulation.start(1);
  simulation.run(seconds(2));
  ASSERT_TRUE(simulation.active(0, 0));
  simulation.crash(0);
  simulation.run(milliseconds(375));  // 300 + Skew_Time of priority 100, delay and lateness
  EXPECT_TRUE(simulation.active(1, 0));
  EXPECT_EQ(simulation.violation(), "");
}

}  // namespace
}  // namespace tandem::scenario
