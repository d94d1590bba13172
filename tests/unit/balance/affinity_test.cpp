// SPDX-License-Identifier: Apache-2.0
#include "balance/affinity.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;

constexpr Duration kHold = 60s;
constexpr std::uint64_t kSeed = 42;

IpAddress client(int number) {
  return IpAddress::parse((number % 2 == 0 ? "192.0.2." : "2001:db8::") + std::to_string(number))
      .value();
}

TEST(Affinity, HoldsAClientForATimeAfterItsLatestFlow) {
  Affinity affinity(8, kHold, kSeed);
  EXPECT_FALSE(affinity.find(client(1), kStart));
  affinity.remember(client(1), 5, kStart);
  EXPECT_EQ(affinity.find(client(1), kStart + kHold - 1ns), 5);
  EXPECT_EQ(affinity.find(client(1), kStart + 2 * kHold - 2ns), 5);
  EXPECT_FALSE(affinity.find(client(1), kStart + 3 * kHold - 2ns));
  affinity.remember(client(1), 6, kStart + 3 * kHold);
  EXPECT_EQ(affinity.find(client(1), kStart + 3 * kHold), 6);
  EXPECT_EQ(affinity.evicted(), 0U);
}

TEST(Affinity, TellsClientsApart) {
  Affinity affinity(200, kHold, kSeed);
  for (int i = 0; i < 200; i++) affinity.remember(client(i), static_cast<std::uint16_t>(i), kStart);
  for (int i = 0; i < 200; i++) EXPECT_EQ(affinity.find(client(i), kStart), i);
  // The same first bytes, another family.
  affinity.remember(IpAddress(), 1, kStart);
  EXPECT_FALSE(affinity.find(IpAddress::parse("::").value(), kStart));
}

TEST(Affinity, GivesThePlaceOfWhoWasNotSeenForLongest) {
  Affinity affinity(3, kHold, kSeed);
  for (int i = 1; i <= 3; i++) affinity.remember(client(i), 0, kStart + std::chrono::seconds(i));
  EXPECT_TRUE(affinity.find(client(1), kStart + 4s));
  affinity.remember(client(4), 0, kStart + 5s);
  EXPECT_EQ(affinity.evicted(), 1U);
  EXPECT_FALSE(affinity.find(client(2), kStart + 5s));
  for (const int i : {1, 3, 4}) EXPECT_TRUE(affinity.find(client(i), kStart + 5s)) << i;
  // Places of expired ones are free: nobody is evicted.
  for (int i = 5; i < 8; i++) affinity.remember(client(i), 0, kStart + 10min);
  EXPECT_EQ(affinity.evicted(), 1U);
}

TEST(Affinity, PeeksWithoutHoldingAnew) {
  Affinity affinity(8, kHold, kSeed);
  affinity.remember(client(1), 5, kStart);
  EXPECT_EQ(affinity.peek(client(1), kStart + kHold - 1ns), 5);
  EXPECT_FALSE(affinity.peek(client(1), kStart + kHold));
  EXPECT_FALSE(affinity.peek(client(2), kStart));
}

TEST(Affinity, ForgetsABackend) {
  Affinity affinity(10, kHold, kSeed);
  for (int i = 0; i < 10; i++)
    affinity.remember(client(i), static_cast<std::uint16_t>(i % 2), kStart);
  affinity.forget(1);
  for (int i = 20; i < 25; i++) affinity.remember(client(i), 2, kStart);  // in their places
  EXPECT_EQ(affinity.evicted(), 0U);
  for (int i = 0; i < 10; i++) EXPECT_EQ(affinity.find(client(i), kStart).has_value(), i % 2 == 0);
}

TEST(Affinity, StaysWithinItsTableUnderAFloodOfClients) {
  Affinity affinity(1000, kHold, kSeed);
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; i++) {
    std::uint8_t bytes[16];
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    const auto flood = IpAddress::v6(bytes);
    affinity.remember(flood, 3, kStart);
    ASSERT_EQ(affinity.find(flood, kStart), 3);
  }
  EXPECT_EQ(affinity.evicted(), 99'000U);
}

TEST(Affinity, PicksTheClientsBackendAsLongAsItIsEligible) {
  Scheduler scheduler(SchedulerKind::least_conn);
  Affinity affinity(8, kHold, kSeed);
  for (std::uint16_t slot = 0; slot < 3; slot++) scheduler.set(up(slot, 1, 100), kStart);
  const auto home = pick(scheduler, affinity, client(1), {}, kStart).value();
  for (int i = 1; i < 100; i++) EXPECT_EQ(pick(scheduler, affinity, client(1), {}, kStart), home);
  EXPECT_EQ(scheduler.active(home), 100U);
  const auto next = pick(scheduler, affinity, client(1), {}, kStart).value();  // home is full
  EXPECT_NE(next, home);
  EXPECT_EQ(pick(scheduler, affinity, client(1), {}, kStart), next);
  scheduler.set(in_state(State::draining, next), kStart);
  EXPECT_NE(pick(scheduler, affinity, client(1), {}, kStart), next);
  EXPECT_EQ(scheduler.sum_of_active(), 103U);
}

TEST(Affinity, RemembersNothingIfNobodyIsEligible) {
  Scheduler scheduler(SchedulerKind::least_conn);
  Affinity affinity(8, kHold, kSeed);
  EXPECT_FALSE(pick(scheduler, affinity, client(1), {}, kStart));
  EXPECT_FALSE(affinity.find(client(1), kStart));
}

// ---- For another node

TEST(Affinity, TellsWhatIsNewOfAClientAndNotMore) {
  Affinity affinity(8, kHold, kSeed);
  affinity.remember(client(1), 5, kStart);
  const auto news = affinity.take_news(kStart);
  ASSERT_TRUE(news);
  EXPECT_EQ(news->address, client(1));
  EXPECT_EQ(news->slot, 5);
  EXPECT_EQ(news->until, kStart + kHold);
  EXPECT_FALSE(affinity.take_news(kStart));
  EXPECT_EQ(affinity.find(client(1), kStart + kHold / 9), 5);
  EXPECT_FALSE(affinity.take_news(kStart + kHold / 9));
  EXPECT_EQ(affinity.find(client(1), kStart + kHold / 8), 5);
  EXPECT_TRUE(affinity.take_news(kStart + kHold / 8));
  affinity.remember(client(1), 6, kStart + kHold / 8);
  EXPECT_EQ(affinity.take_news(kStart + kHold / 8)->slot, 6);
}

TEST(Affinity, AdoptsWhatAnotherNodeHolds) {
  Affinity affinity(8, kHold, kSeed);
  affinity.adopt({client(1), 5, kStart + 10s}, false, kStart);
  EXPECT_EQ(affinity.peek(client(1), kStart + 9s), 5);
  EXPECT_FALSE(affinity.peek(client(1), kStart + 10s));
  affinity.adopt({client(1), 6, kStart + 10s}, false, kStart);  // held already
  EXPECT_EQ(affinity.peek(client(1), kStart), 5);
  affinity.adopt({client(1), 6, kStart + 10s}, true, kStart);
  EXPECT_EQ(affinity.peek(client(1), kStart), 6);
  affinity.adopt({client(2), 7, kStart + 10 * kHold}, false, kStart);  // never longer than its own
  EXPECT_FALSE(affinity.peek(client(2), kStart + kHold));
  std::set<IpAddress> seen;
  affinity.visit_some(0, affinity.capacity(), kStart,
                      [&](const Affinity::Client& c) { seen.insert(c.address); });
  EXPECT_EQ(seen, (std::set<IpAddress>{client(1), client(2)}));
}

}  // namespace
}  // namespace tandem::balance
