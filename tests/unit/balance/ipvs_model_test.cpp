// SPDX-License-Identifier: Apache-2.0
// Where least_conn and IPVS's wlc are alike, and where they are not.
#include "ipvs_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;

class BesideIpvs : public testing::Test {
 protected:
  void add(std::uint16_t slot, std::uint16_t weight, std::uint32_t max = 0) {
    tandem_.set(up(slot, weight, max), kStart);
    ipvs_.add(slot, weight, max);
  }
  std::uint16_t tandem() { return tandem_.pick({}, kStart).value(); }
  std::uint16_t ipvs() { return ipvs_.schedule().value(); }

  Scheduler tandem_{SchedulerKind::least_conn};
  IpvsWlc ipvs_;
};

// Alike: connections that stay. Only who is first among equals differs, so that the counts are one
// apart at most, and equal whenever the weights come out even.
TEST_F(BesideIpvs, CountsAreTheSameForConnectionsThatStay) {
  for (std::uint16_t slot = 0; slot < 4; slot++) add(slot, static_cast<std::uint16_t>(slot + 1));
  for (int i = 1; i <= 400; i++) {
    tandem();
    ipvs();
    for (std::uint16_t slot = 0; slot < 4; slot++) {
      const auto difference = std::abs(tandem_.active(slot) - ipvs_.active(slot));
      EXPECT_LE(difference, i % 10 == 0 ? 0 : 1) << slot << " after " << i;
    }
  }
}

// Alike: connections that vanish at once, as if by their timeout, in any order. Ties put them on
// different backends, so that later ends hit different ones; still the most loaded one has as many,
// two more or less at the most.
TEST_F(BesideIpvs, MaximumIsTheSameForConnectionsThatEndAtOnce) {
  for (std::uint16_t slot = 0; slot < 5; slot++) add(slot, 1);
  std::mt19937_64 random(1);
  std::vector<std::pair<std::uint16_t, std::uint16_t>> open;
  for (int i = 0; i < 10'000; i++) {
    if (open.size() > 100 || (!open.empty() && random() % 3 == 0)) {
      std::swap(open[random() % open.size()], open.back());
      tandem_.close(open.back().first);
      ipvs_.expire_active(open.back().second);
      open.pop_back();
    } else {
      open.emplace_back(tandem(), ipvs());
    }
    std::int64_t ours = 0, theirs = 0;
    for (std::uint16_t slot = 0; slot < 5; slot++) {
      ours = std::max<std::int64_t>(ours, tandem_.active(slot));
      theirs = std::max(theirs, ipvs_.active(slot));
    }
    ASSERT_LE(std::abs(ours - theirs), 2) << i;
  }
}

// Different: idle backends. Each connection ends, and is forgotten, before the next one begins.
// IPVS gives all of them to the first of its list, which is the one added last.
TEST_F(BesideIpvs, IpvsDoesNotRotateAmongIdleOnes) {
  for (std::uint16_t slot = 0; slot < 3; slot++) add(slot, 1);
  std::map<int, int> ours, theirs;
  for (int i = 0; i < 300; i++) {
    const auto a = tandem(), b = ipvs();
    ours[a]++;
    theirs[b]++;
    tandem_.close(a);
    ipvs_.expire_active(b);
  }
  EXPECT_EQ(ours, (std::map<int, int>{{0, 100}, {1, 100}, {2, 100}}));
  EXPECT_EQ(theirs, (std::map<int, int>{{2, 300}}));
}

// Different: connections that are closing. IPVS counts one as 1/256 of an active one while it
// remembers it, for two minutes after a FIN; to Tandem it is no load from the FIN on. 1,000 of them
// keep IPVS from a backend until the other has four connections more.
TEST_F(BesideIpvs, IpvsCountsClosingConnectionsALittle) {
  add(0, 1);
  add(1, 1);
  for (int i = 0; i < 2000; i++) {
    tandem();
    ipvs();
  }
  for (int i = 0; i < 1000; i++) {
    tandem_.close(0);
    ipvs_.deactivate(0);
    tandem_.close(1);
    ipvs_.expire_active(1);
  }
  std::map<int, int> ours, theirs;
  for (int i = 0; i < 4; i++) {
    ours[tandem()]++;
    theirs[ipvs()]++;
  }
  EXPECT_EQ(ours, (std::map<int, int>{{0, 2}, {1, 2}}));
  EXPECT_EQ(theirs, (std::map<int, int>{{1, 4}}));
}

// Different: limits. Tandem's max_connections bounds the connections that count, and one that ends
// makes room for one. IPVS's upper threshold counts closing ones too, and a destination that
// reached it stays away until three quarters are left.
TEST_F(BesideIpvs, IpvsComesBackFromItsThresholdLate) {
  add(0, 1, 8);
  for (int i = 0; i < 8; i++) EXPECT_EQ(tandem(), ipvs());
  EXPECT_FALSE(tandem_.pick({}, kStart));
  EXPECT_FALSE(ipvs_.schedule());
  tandem_.close(0);
  ipvs_.deactivate(0);
  EXPECT_TRUE(tandem_.pick({}, kStart));
  EXPECT_FALSE(ipvs_.schedule());
  ipvs_.expire_inactive(0);
  ipvs_.expire_active(0);
  EXPECT_FALSE(ipvs_.schedule());
  ipvs_.expire_active(0);
  EXPECT_TRUE(ipvs_.schedule());
}

}  // namespace
}  // namespace tandem::balance
