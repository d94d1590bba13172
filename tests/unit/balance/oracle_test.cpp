// SPDX-License-Identifier: Apache-2.0
// least_conn against its definition, under events that nobody thought of.
#include "oracle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <queue>
#include <random>
#include <vector>

#include "rig.hpp"

namespace tandem::balance {
namespace {

using namespace rig;

// Every decision must be for a backend of the least load of all, or for none if none is eligible.
class Checked {
 public:
  explicit Checked(Duration slow_start = {})
      : scheduler_(SchedulerKind::least_conn, {.slow_start = slow_start}), oracle_(slow_start) {}

  void set(const Backend& backend, MonotonicTime now) {
    scheduler_.set(backend, now);
    oracle_.set(backend);
  }
  void remove(std::uint16_t slot) {
    scheduler_.remove(slot);
    oracle_.remove(slot);
  }
  void close(std::uint16_t slot) {
    scheduler_.close(slot);
    oracle_.close(slot);
  }
  void charge(std::uint16_t slot) {
    scheduler_.charge(slot);
    oracle_.charge(slot);
  }
  std::optional<std::uint16_t> pick(MonotonicTime now) {
    const auto least = oracle_.least(now);
    const auto peeked = scheduler_.peek({}, now);
    const auto picked = scheduler_.pick({}, now);
    EXPECT_EQ(picked, peeked);
    EXPECT_EQ(picked.has_value(), least.has_value());
    if (!picked || !least) return picked;
    EXPECT_TRUE(oracle_.eligible(*picked)) << *picked;
    EXPECT_FALSE(oracle_.less(*least, *picked, now)) << *picked << " although " << *least;
    oracle_.charge(*picked);
    return picked;
  }
  void check_counts() const {
    std::uint64_t sum = 0;
    for (const auto& [slot, entry] : oracle_.entries()) {
      ASSERT_EQ(scheduler_.active(slot), entry.active) << slot;
      ASSERT_EQ(scheduler_.eligible(slot), oracle_.eligible(slot)) << slot;
      sum += entry.active;
    }
    ASSERT_EQ(scheduler_.sum_of_active(), sum);
  }
  [[nodiscard]] const Oracle& oracle() const { return oracle_; }

 private:
  Scheduler scheduler_;
  Oracle oracle_;
};

// Flows that end at their time; lifetimes of a few milliseconds and, seldom, a thousandfold.
struct Ending {
  MonotonicTime at;
  std::uint16_t slot;
  bool operator>(const Ending& other) const { return at > other.at; }
};
using Endings = std::priority_queue<Ending, std::vector<Ending>, std::greater<>>;

Duration lifetime(std::mt19937_64& random) {
  const auto ms = std::chrono::milliseconds(1 + random() % 40);
  return random() % 20 == 0 ? ms * 1000 : ms;
}

TEST(AgainstTheOracle, EveryOneOfTenThousandUnevenFlowsGoesToTheLeastLoaded) {
  std::mt19937_64 random(11);
  Checked checked;
  for (std::uint16_t slot = 0; slot < 8; slot++)
    checked.set(up(slot, static_cast<std::uint16_t>(1 + slot % 4)), kStart);
  Endings endings;
  MonotonicTime now = kStart;
  for (int i = 0; i < 10'000; i++) {
    now += std::chrono::microseconds(random() % 2000);
    for (; !endings.empty() && endings.top().at <= now; endings.pop())
      checked.close(endings.top().slot);
    endings.push({now + lifetime(random), checked.pick(now).value()});
    ASSERT_FALSE(HasFailure()) << "flow " << i;
  }
  checked.check_counts();
}

// The same flows through the scheduler and through the oracle, each on its own: where weights are
// equal they decide alike to the last tie, and so the maximum load is the same at any time. (An
// oracle that breaks ties in another way drifts away by two flows in one moment of ten thousand:
// other flows end on other backends.)
TEST(AgainstTheOracle, TheMaximumLoadIsTheOraclesAtAnyTime) {
  for (std::uint64_t seed = 0; seed < 10; seed++) {
    std::mt19937_64 random(seed);
    Scheduler scheduler(SchedulerKind::least_conn);
    Oracle oracle;
    for (int slot = 0; slot < 8; slot++) {
      scheduler.set(up(slot), kStart);
      oracle.set(up(slot));
    }
    Endings ours, theirs;
    MonotonicTime now = kStart;
    for (int i = 0; i < 10'000; i++) {
      now += std::chrono::microseconds(random() % 2000);
      for (; !ours.empty() && ours.top().at <= now; ours.pop()) scheduler.close(ours.top().slot);
      for (; !theirs.empty() && theirs.top().at <= now; theirs.pop())
        oracle.close(theirs.top().slot);
      const MonotonicTime end = now + lifetime(random);
      ours.push({end, scheduler.pick({}, now).value()});
      theirs.push({end, oracle.least(now).value()});
      oracle.charge(*oracle.least(now));
      for (std::uint16_t slot = 0; slot < 8; slot++)
        ASSERT_EQ(scheduler.active(slot), oracle.active(slot)) << "flow " << i << " seed " << seed;
    }
  }
}

// What may happen to a service: backends come, go, change and limp, flows of any number.
class RandomService {
 public:
  explicit RandomService(std::uint64_t seed) : random_(seed), checked_(10s) {}

  void step() {
    now_ += std::chrono::milliseconds(random_() % 20);
    const auto dice = random_() % 100;
    if (dice < 50)
      open();
    else if (dice < 85)
      close();
    else if (dice < 97)
      change();
    else
      remove();
  }
  void check_counts() const { checked_.check_counts(); }

 private:
  void open() {
    if (const auto slot = checked_.pick(now_)) open_.push_back(*slot);
  }
  void close() {
    if (open_.empty()) return;
    std::swap(open_[random_() % open_.size()], open_.back());
    checked_.close(open_.back());
    open_.pop_back();
  }
  void change() {
    static constexpr std::uint16_t kWeights[] = {0, 1, 1, 1, 2, 3, 100, 65535};
    const auto slot = static_cast<std::uint16_t>(random_() % 60 * 1000);
    Backend backend = up(slot, kWeights[random_() % std::size(kWeights)]);
    if (random_() % 3 == 0)
      backend.max_connections = static_cast<std::uint32_t>(1 + random_() % 30);
    if (random_() % 4 == 0) backend.state = random_() % 2 == 0 ? State::draining : State::down;
    if (random_() % 2 == 0) backend.up_since = now_ - std::chrono::milliseconds(random_() % 3000);
    checked_.set(backend, now_);
    if (random_() % 4 == 0) {  // a flow from elsewhere: synced, or picked by hash
      checked_.charge(slot);
      open_.push_back(slot);
    }
  }
  void remove() {
    for (const auto& [slot, entry] : checked_.oracle().entries())
      if (entry.active == 0) return checked_.remove(slot);
  }

  std::mt19937_64 random_;
  Checked checked_;
  MonotonicTime now_ = kStart;
  std::vector<std::uint16_t> open_;
};

TEST(AgainstTheOracle, HoldsWhateverHappensToTheBackends) {
  for (std::uint64_t seed = 0; seed < 6; seed++) {
    RandomService service(seed);
    for (int i = 0; i < 4'000; i++) {
      service.step();
      if (i % 50 == 0) service.check_counts();
      ASSERT_FALSE(HasFailure()) << "seed " << seed << " step " << i;
    }
  }
}

TEST(AgainstTheOracle, HoldsForThousandsOfBackendsOfAllWeights) {
  std::mt19937_64 random(5);
  Checked checked;
  for (std::uint16_t slot = 0; slot < 3000; slot++)
    checked.set(up(slot, static_cast<std::uint16_t>(1 + random() % 65535)), kStart);
  std::vector<std::uint16_t> open;
  for (int i = 0; i < 3000; i++) {
    if (i % 3 == 2) {
      std::swap(open[random() % open.size()], open.back());
      checked.close(open.back());
      open.pop_back();
    } else {
      open.push_back(checked.pick(kStart).value());
    }
    ASSERT_FALSE(HasFailure()) << i;
  }
  checked.check_counts();
}

}  // namespace
}  // namespace tandem::balance
