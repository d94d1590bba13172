// SPDX-License-Identifier: Apache-2.0
// Two nodes on one wire, with random delays, losses, cuts, crashes, stalls and kernels that refuse. Whatever happens, an
// address must not be answered by both, and when all is quiet it is answered by exactly one.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "simulation.hpp"
#include "vrrp/heartbeat.hpp"
#include "vrrp/timers.hpp"

namespace tandem::scenario {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Each seed is a story of its own. To see some again, or many more: TANDEM_SEEDS=17, TANDEM_SEEDS=1-20000.
constexpr std::uint32_t kSeeds = 300;

constexpr int kDownAdverts = 3;
constexpr Duration kInterval = milliseconds(100);
constexpr Duration kLease = vrrp::lease_time(kInterval, kDownAdverts);

// Of three seeds, one has a wire that loses nothing; one a wire that loses, delays and doubles adverts,
// in each direction as it likes, but fewer in a row than a peer waits for; and one is lost without end.
struct Wire {
  WireSettings settings;
  bool perfect = true;

  [[nodiscard]] Duration round_trip() const { return 2 * settings.most_delay; }
  // How long two that are alive may both answer, once one is Active beside the other: until an advert
  // of the better one arrives. The last that gets lost before it renews its lease by as much again, if
  // it can send none from then on.
  // In version 2 a better one that hears a worse one says nothing out of turn (RFC 3768, 6.4.3).
  [[nodiscard]] Duration overlap(int version = 3) const {
    if (!perfect) return kLease + (kDownAdverts - 2) * kInterval + round_trip();
    return version == 2 ? kInterval + round_trip() + settings.most_lateness : round_trip();
  }
};

Wire lossy_wire(std::uint32_t seed, int most_lost) {
  std::mt19937 random(seed);
  WireSettings wire;
  wire.most_delay = milliseconds(5 + random() % 16);
  wire.most_lost = most_lost;
  wire.doubled = random() % 2 == 0 ? 0.2 : 0;
  for (double& loss : wire.loss) loss = static_cast<double>(random() % 10) / 10;
  return {wire, false};
}

Wire bearable_wire(std::uint32_t seed) {
  return seed % 2 == 0 ? Wire{} : lossy_wire(seed, kDownAdverts - 1);
}

Wire any_wire(std::uint32_t seed) {
  if (seed % 3 == 0) return {};
  return lossy_wire(seed, seed % 3 == 1 ? kDownAdverts - 1 : std::numeric_limits<int>::max());
}

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

// Its Skew_Time does not scale with the interval, and who is better does not insist.
std::array<Simulation::Routers, 2> version_2() {
  auto routers = dual_master();
  for (auto& node : routers) {
    for (auto& one : node) one.version = 2;
  }
  return routers;
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

// The longest time without an answer that a node alone can need: its timer, begun anew once after a
// stall, and with a sync group the time that it gives way after it met a better one.
Duration longest_wait(const Simulation::Routers& routers) {
  const vrrp::Settings& s = routers[0];
  const Duration down =
      vrrp::active_down_interval(s.version, 40, s.advert_interval, s.down_adverts) +
      milliseconds(50);
  return s.sync_group.empty() ? 2 * down : 4 * down;
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
    simulation.stop_loss();
    simulation.run(seconds(5));
    const std::uint64_t moved = simulation.transitions();
    expect_exactly_one_active(simulation);
    simulation.run(seconds(10));
    EXPECT_EQ(simulation.transitions(), moved) << "it does not come to rest";
    expect_exactly_one_active(simulation);
  }
};

TEST_P(TwoNodes, NeverBothAnswerOnALossFreeWire) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Wire wire;
    const auto routers = GetParam().routers();
    Simulation simulation(seed, wire.settings, routers);
    live(simulation, false, seed);
    // Two that are alive know of each other after the wire's delay; where the older one insists
    // (its priority rose at that moment), after a round trip. No longer than that.
    EXPECT_LE(simulation.longest_overlap(), wire.overlap(routers[0][0].version));
    // One that is killed or stopped just when a better peer preempts it.
    EXPECT_LE(simulation.longest_ghost(), vrrp::lease_time(milliseconds(100), 3));
    EXPECT_LE(simulation.longest_gap(), longest_wait(routers[0]));
    EXPECT_EQ(simulation.violation(), "");
  }
}

TEST_P(TwoNodes, ComeToRestAfterALossyWire) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    WireSettings wire;
    wire.loss = {0.3, 0.3};
    Simulation simulation(seed, wire, GetParam().routers());
    live(simulation, true, seed);
  }
}

TEST_P(TwoNodes, StartTogetherWithoutTossing) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed, {milliseconds(20), milliseconds(0), {}}, GetParam().routers());
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
                                         Case{"Version2", version_2},
                                         Case{"OneSyncGroup", one_group},
                                         Case{"CrossedSyncGroup", crossed_group}),
                         [](const auto& one) { return std::string(one.param.name); });

// Adverts that get lost in either direction, fewer in a row than a peer waits for, or come late or
// twice, move nothing.
TEST_P(TwoNodes, BearABadWire) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed, lossy_wire(seed, kDownAdverts - 1).settings, GetParam().routers());
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(5));
    expect_exactly_one_active(simulation);
    const std::uint64_t moved = simulation.transitions();
    simulation.forget_gaps();
    simulation.forget_overlaps();
    simulation.run(seconds(20));
    EXPECT_EQ(simulation.transitions(), moved);
    EXPECT_EQ(simulation.longest_overlap(), Duration{});
    EXPECT_EQ(simulation.longest_gap(), Duration{});
  }
}

// A partition, in which each half has its own Active, heals: in a second every client is back at the
// one that stays.
TEST(TwoNodes, ClientsAreBackWithinASecondAfterAHeal) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Wire wire = bearable_wire(seed);
    Simulation simulation(seed, wire.settings, dual_master());
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(2));
    for (int i = 0; i < 8; ++i) {
      simulation.cut(true);
      simulation.run(milliseconds(random() % 6000));
      simulation.cut(false);
      simulation.run(milliseconds(1000) + vrrp::active_down_interval(3, 100, milliseconds(100), 3));
      expect_exactly_one_active(simulation);
      for (vrrp::RouterId id = 0; id < simulation.routers(); ++id) {
        for (int half = 0; half < kNodes; ++half) {
          EXPECT_TRUE(simulation.active(simulation.cache(half, id), id))
              << "router " << id << ", half " << half << ", heal " << i;
        }
      }
    }
  }
}

// Adverts that the kernel refuses to send renew nothing: the peer waits for what it heard, and two
// never answer beside each other.
TEST(TwoNodes, AdvertsThatCannotLeaveRenewNoLease) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Wire wire = bearable_wire(seed);
    Simulation simulation(seed, wire.settings, dual_master());
    simulation.start(0);
    simulation.start(1);
    for (int i = 0; i < 30; ++i) {
      simulation.run(milliseconds(random() % 1000));
      const int node = static_cast<int>(random() % kNodes);
      simulation.refuse(node, random() % 2 == 0);
      if (random() % 4 == 0) simulation.fail_over(1 - node, static_cast<vrrp::RouterId>(i % 2));
    }
    simulation.refuse(0, false);
    simulation.refuse(1, false);
    simulation.run(seconds(3));
    expect_exactly_one_active(simulation);
    EXPECT_LE(simulation.longest_overlap(), wire.overlap());
  }
}

// Killed at any moment of a handover, a node answers beside its peer for no longer than the short
// lease of a handover, and the peer has the address.
TEST(TwoNodes, AKillInAHandoverLeavesOneThatAnswers) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Wire wire = bearable_wire(seed);
    Simulation simulation(seed, wire.settings, dual_master());
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(2));
    ASSERT_TRUE(simulation.active(0, 0));
    simulation.fail_over(0, 0);
    simulation.run(milliseconds(random() % 120));
    const int killed = static_cast<int>(random() % kNodes);
    simulation.crash(killed);
    simulation.run(seconds(1));
    EXPECT_TRUE(simulation.active(1 - killed, 0));
    const Duration short_lease = vrrp::handover_lease(milliseconds(100)) + wire.settings.most_delay;
    EXPECT_LE(simulation.longest_ghost(), wire.perfect ? short_lease : kLease);
    EXPECT_EQ(simulation.violation(), "");
  }
}

// Nobody can take the addresses: they are never away.
TEST(TwoNodes, AHandoverToNobodyCostsNothing) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Simulation simulation(seed, {}, dual_master());
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(2));
    if (seed % 2 == 0) simulation.track(1, 2, false);  // Fault
    if (seed % 2 == 1) simulation.crash(1);
    simulation.run(seconds(2));
    simulation.forget_gaps();
    for (int i = 0; i < 5; ++i) {
      simulation.fail_over(0, 0);
      simulation.run(milliseconds(random() % 1000));
    }
    simulation.run(seconds(1));
    EXPECT_TRUE(simulation.active(0, 0));
    EXPECT_EQ(simulation.longest_gap(), Duration{});
  }
}

// A survivor that gets the processor in slices only takes over, and does not while its peer lives.
TEST(TwoNodes, ASurvivorInSlicesTakesOver) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Wire wire = bearable_wire(seed);
    Simulation simulation(seed, wire.settings, dual_master());
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(2));
    const auto on = milliseconds(20 + random() % 200);
    const auto off = milliseconds(50 + random() % 400);
    bool answered = false;
    const auto live_in_slices = [&](Duration time) {
      for (Duration passed{}; passed < time; passed += on + off) {
        simulation.run(on);
        answered = answered || simulation.active(1, 0);
        simulation.stop(1);
        simulation.run(off);
        simulation.resume(1, false);
      }
    };
    live_in_slices(seconds(5));
    EXPECT_FALSE(answered) << "a false takeover";
    simulation.crash(0);
    live_in_slices(seconds(3));
    EXPECT_TRUE(answered) << on << " of " << on + off;
  }
}

// The link of the better node comes back behind a switch port that does not forward yet. With
// up_delay it listens for that long, and so finds the Active that it must not preempt.
TEST(TwoNodes, ABlockedPortDoesNotPreempt) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto routers = dual_master();
    for (auto& node : routers) {
      for (auto& one : node) {
        one.preempt = false;
        one.link_up_delay = seconds(5);
      }
    }
    Simulation simulation(seed, bearable_wire(seed).settings, routers);
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(2));
    simulation.interface(0, false);
    simulation.run(milliseconds(500 + random() % 2000));
    ASSERT_TRUE(simulation.active(1, 0));
    simulation.cut(true);
    simulation.interface(0, true);
    simulation.run(milliseconds(random() % 4500));
    EXPECT_FALSE(simulation.active(0, 0));
    simulation.cut(false);
    simulation.run(seconds(10));
    EXPECT_TRUE(simulation.active(1, 0));
    EXPECT_FALSE(simulation.active(0, 0));
  }
}

// One of all things that can happen to a pair, besides what disturb() does: cuts and heals, links,
// adverts that cannot leave, control threads that stand still, backends that are not up yet.
void disturb_all(Simulation& simulation, std::mt19937& random) {
  const int node = static_cast<int>(random() % kNodes);
  const bool good = random() % 2 == 0;
  switch (random() % 10) {
    case 0:
      return simulation.cut(!good);
    case 1:
      return simulation.interface(node, good);
    case 2:
      return simulation.refuse(node, !good);
    case 3:
      if (simulation.running(node)) simulation.control(node, good);
      return;
    case 4:
      return simulation.backends(node, good);
    default:
      return disturb(simulation, false, random);
  }
}

void restore_all(Simulation& simulation) {
  simulation.cut(false);
  restore(simulation);
  for (int node = 0; node < kNodes; ++node) {
    simulation.interface(node, true);
    simulation.refuse(node, false);
    simulation.control(node, true);
    simulation.backends(node, true);
  }
}

SyncLinkSettings any_sync_link(std::uint32_t seed) {
  std::mt19937 random(seed);
  SyncLinkSettings sync;
  sync.present = seed % 4 != 0;
  sync.most_delay = milliseconds(1 + random() % 60);
  sync.loss = static_cast<double>(random() % 8) / 10;
  return sync;
}

// The longest time without an answer, after all of this: the wait of a node alone; before that, who
// became Active when its control thread stopped, and resigns; and a probe whether adverts leave. Of a
// sync group one member may stay where the control thread stops, after another was taken and given
// back: then nobody has that one until the first is handed over, too.
Duration longest_wait_of_all(const Simulation::Routers& routers) {
  const vrrp::Settings& s = routers[0];
  const Duration split = s.sync_group.empty() ? Duration{} : vrrp::kUnservedHandover;
  return longest_wait(routers) + vrrp::kUnserved + 4 * s.advert_interval + split;
}

// A handover that was begun meanwhile is let come to its end.
constexpr Duration kLongestHollow = vrrp::kUnserved + 2 * vrrp::Heartbeat::kLook + kLease;

TEST_P(TwoNodes, KeepTheirPromisesWhateverHappens) {
  auto routers = GetParam().routers();
  for (auto& node : routers) {
    for (auto& one : node) {
      one.backends_patience = seconds(2);
      // A client behind a cut may remember a node that died meanwhile; nothing hints at that.
      one.garp_refresh = seconds(5);
    }
  }
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const Wire wire = any_wire(seed);
    Simulation simulation(seed, wire.settings, routers);
    simulation.connect(any_sync_link(seed));
    simulation.start(0);
    simulation.start(1);
    std::mt19937 random_of_sync(seed);
    for (int i = 0; i < 100; ++i) {
      simulation.run(milliseconds(random() % (random() % 8 == 0 ? 8000 : 800)));
      disturb_all(simulation, random);
      if (random_of_sync() % 8 == 0) simulation.cut_sync(random_of_sync() % 2 == 0);
    }
    restore_all(simulation);
    simulation.cut_sync(false);
    simulation.stop_loss();
    simulation.run(seconds(10));
    const std::uint64_t moved = simulation.transitions();
    expect_exactly_one_active(simulation);
    simulation.run(seconds(10));
    EXPECT_EQ(simulation.transitions(), moved) << "it does not come to rest";
    for (vrrp::RouterId id = 0; id < simulation.routers(); ++id) {
      for (int half = 0; half < kNodes; ++half) {
        EXPECT_TRUE(simulation.active(simulation.cache(half, id), id)) << id << ", half " << half;
      }
    }
    EXPECT_LE(simulation.longest_overlap(), wire.overlap(routers[0][0].version));
    EXPECT_LE(simulation.longest_ghost(), kLease);
    EXPECT_LE(simulation.longest_gap(), longest_wait_of_all(routers[0]));
    EXPECT_LE(simulation.longest_hollow(), kLongestHollow);
    EXPECT_EQ(simulation.violation(), "");
  }
}

constexpr Duration kDown = vrrp::active_down_interval(3, 100, kInterval, kDownAdverts);

// All adverts of the Active are lost, and the sync link says that it lives: its address is not answered
// twice within the bound, and then it is taken after all. If it is killed meanwhile, the other one has
// the address in the usual time.
TEST_P(TwoNodes, ASyncLinkThatSaysThatTheActiveLivesHoldsATakeoverBack) {
  const auto routers = GetParam().routers();
  const bool dual = routers[0][0].sync_group.empty();
  if (routers[0][1].priority < routers[0][0].priority && !dual) return;  // crossed: either has both
  const Duration down =
      vrrp::active_down_interval(routers[1][0].version, 100, kInterval, kDownAdverts);
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Simulation simulation(seed, {}, routers);
    simulation.connect({true, milliseconds(1 + random() % 30), milliseconds(25)});
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(5));
    ASSERT_TRUE(simulation.active(0, 0));
    simulation.lose(0, 1);
    if (seed % 2 == 0) {
      simulation.run(down + kLease - kInterval);
      EXPECT_TRUE(simulation.active(0, 0));
      EXPECT_FALSE(simulation.active(1, 0));
      EXPECT_EQ(simulation.longest_overlap(), Duration{});
      simulation.run(2 * kInterval + milliseconds(20));
      EXPECT_TRUE(simulation.active(1, 0)) << "no bound";
    } else {
      simulation.run(milliseconds(random() % (down + kLease).count() / 1'000'000));
      simulation.crash(0);
      simulation.run(down + milliseconds(20));
      EXPECT_TRUE(simulation.active(1, 0));
    }
  }
}

// A loss that ends within the bound moves nothing at all.
TEST(TwoNodes, ALossThatTheSyncLinkBridgesMovesNothing) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Simulation simulation(seed, {}, dual_master());
    simulation.connect({true, milliseconds(1 + random() % 30), milliseconds(25)});
    simulation.start(0);
    simulation.start(1);
    simulation.run(seconds(2));
    const std::uint64_t moved = simulation.transitions();
    for (int i = 0; i < 10; ++i) {
      const int from = static_cast<int>(random() % kNodes);
      simulation.lose(from, 1);
      simulation.run(milliseconds(random() % 500));
      simulation.lose(from, 0);
      simulation.run(milliseconds(200));
    }
    EXPECT_EQ(simulation.transitions(), moved);
    EXPECT_EQ(simulation.longest_overlap(), Duration{});
  }
}

// Nor does a sync link make any takeover after a crash later, whatever the moment of it.
TEST(TwoNodes, ASyncLinkDelaysNoTakeoverAfterACrash) {
  for (const std::uint32_t seed : seeds(kSeeds)) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto moment = milliseconds(2000 + random() % 100);
    for (const bool with : {false, true}) {
      Simulation simulation(seed, {}, dual_master());
      simulation.connect({with, milliseconds(1 + random() % 5), milliseconds(25)});
      simulation.start(0);
      simulation.start(1);
      simulation.run(moment);
      simulation.crash(0);
      simulation.run(kDown + milliseconds(15));
      EXPECT_TRUE(simulation.active(1, 0)) << with;
    }
  }
}

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
