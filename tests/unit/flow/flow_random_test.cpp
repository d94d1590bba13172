// SPDX-License-Identifier: Apache-2.0
// Random operations on the flow table, beside a plain map that is told the same; and readers that
// race with the writer.
#include <gtest/gtest.h>
#include <algorithm>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "flow_rig.hpp"

namespace tandem::flow {
namespace {

template <class V>
class FlowRandomTest : public testing::Test {};
TYPED_TEST_SUITE(FlowRandomTest, Families, FamilyNames);

// ---- Beside a map

struct Known {
  std::uint16_t backend;
  std::uint8_t state;
  bool counted;
  Tick stamp;
  std::uint16_t extra;
};

template <class V>
class Twins {
 public:
  using R = Rig<V>;
  static constexpr std::uint32_t kCapacity = 1'000, kKeys = 1'500;

  explicit Twins(std::uint32_t seed) : random_(seed) {}

  void step() {
    const auto n = static_cast<std::uint32_t>(random_() % kKeys);
    switch (random_() % 16) {
      case 0:
        now_ = static_cast<Tick>(now_ + random_() % 40);
        break;
      case 1:
        sweep();
        break;
      case 2:
        EXPECT_EQ(rig_.table().erase(V::key(n)), known_.erase(n) == 1);
        break;
      case 3:
        review(n);
        break;
      default:
        random_() % 2 ? insert(n) : packet(n);
    }
  }

  void restart() { ASSERT_TRUE(rig_.restart()); }

  void check() {
    rig_.check_counts();
    ASSERT_EQ(rig_.table().flows(), known_.size());
    for (const auto& [n, expected] : known_) {
      const auto flow = rig_.table().find(V::key(n));
      ASSERT_TRUE(flow);
      ASSERT_EQ(flow->backend, expected.backend);
      ASSERT_EQ(flow->state, expected.state);
      ASSERT_EQ(flow->counted, expected.counted);
      ASSERT_EQ(flow->stamp, expected.stamp);
      ASSERT_EQ(flow->extra, expected.extra);
    }
  }
  [[nodiscard]] std::uint64_t moves() const { return rig_.table().moves(); }

 private:
  void insert(std::uint32_t n) {
    constexpr std::uint8_t states[] = {TD_FLOW_SYN_SENT, TD_FLOW_ESTABLISHED, TD_FLOW_ACTIVE};
    const std::uint8_t state = states[random_() % 3];
    const Known fresh{static_cast<std::uint16_t>(random_() % TD_MAX_BACKENDS), state, true, now_,
                      static_cast<std::uint16_t>(random_())};
    const auto outcome =
        rig_.table().insert(V::key(n), {fresh.backend, state, fresh.extra}, now_).outcome;
    using O = typename R::Outcome;
    const auto old = known_.find(n);
    if (old == known_.end()) {
      if (known_.size() == kCapacity && outcome == O::inserted)
        give_way();
      else
        EXPECT_EQ(outcome, known_.size() == kCapacity ? O::full : O::inserted);
      if (outcome == O::inserted) known_[n] = fresh;
      return;
    }
    const bool over = !old->second.counted || (old->second.state >= TD_FLOW_FIN_CLIENT &&
                                               old->second.state != TD_FLOW_ACTIVE);
    EXPECT_EQ(outcome, state == TD_FLOW_SYN_SENT && over ? O::replaced : O::exists);
    if (outcome == O::replaced) old->second = fresh;
  }

  // A flow that is over, or half open, has gone.
  void give_way() {
    const auto gone = std::ranges::find_if(
        known_, [&](const auto& known) { return !rig_.table().find(V::key(known.first)); });
    ASSERT_NE(gone, known_.end());
    EXPECT_TRUE(gone->second.state != TD_FLOW_ESTABLISHED && gone->second.state != TD_FLOW_ACTIVE);
    known_.erase(gone);
  }

  void packet(std::uint32_t n) {
    auto hit = rig_.look(V::key(n));
    const auto flow = known_.find(n);
    ASSERT_EQ(hit.has_value(), flow != known_.end());
    if (!hit) return;
    constexpr std::uint8_t flags[] = {TD_TCP_ACK, TD_TCP_ACK | TD_TCP_FIN, TD_TCP_RST};
    const std::uint8_t f = flags[random_() % 3];
    Known& k = flow->second;
    if (k.state == TD_FLOW_ACTIVE) {
      td_flow_stamp(&*hit, now_);
      k.stamp = now_;
      return;
    }
    td_flow_see_tcp(&*hit, now_, f, TD_FROM_CLIENT, 1);
    const auto idle = static_cast<std::int16_t>(now_ - k.stamp);
    const std::uint8_t next = td_flow_next(k.state, f, TD_FROM_CLIENT, idle, 1);
    if (k.state != TD_FLOW_RESET || next != k.state) k.stamp = now_;
    k.state = next;
  }

  // false: the flow is to go.
  bool judge(Known& k) const {
    const Tick idle = age(now_, k.stamp);
    if (idle >= limits_[k.state].remembered) return false;
    k.counted = idle < limits_[k.state].counted;
    return true;
  }
  void sweep() {
    rig_.table().sweep(rig_.table().buckets(), now_, limits_);
    for (auto k = known_.begin(); k != known_.end();)
      k = judge(k->second) ? std::next(k) : known_.erase(k);
  }
  void review(std::uint32_t n) {
    rig_.table().review(V::key(n), now_, limits_);
    if (const auto k = known_.find(n); k != known_.end() && !judge(k->second)) known_.erase(k);
  }

  Rig<V> rig_{kCapacity};
  std::map<std::uint32_t, Known> known_;
  std::mt19937 random_;
  Tick now_ = 65'000;  // soon to wrap
  IdleTicks limits_ =
      idle_limits({.syn_sent = {std::chrono::seconds(20), std::chrono::seconds(80)},
                   .established = {std::chrono::seconds(90), std::chrono::seconds(400)},
                   .udp = {std::chrono::seconds(40), std::chrono::seconds(200)}});
};

TYPED_TEST(FlowRandomTest, TheTableIsAsAMapWouldBe) {
  for (std::uint32_t seed = 1; seed <= 5; seed++) {
    Twins<TypeParam> twins(seed);
    for (int i = 1; i <= 40'000; i++) {
      twins.step();
      if (i % 2'000 == 0) twins.check();
      if (i % 10'000 == 0) twins.restart();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", step " << i;
    }
  }
}

// ---- Beside readers

// The backend of a flow is its number, those of even numbers are only ever closed, those of odd
// ones only established: so a reader sees, and the end shows, if one flow was taken for another.
template <class V>
class Race {
 public:
  static constexpr std::uint32_t kCapacity = 1'000, kSteady = 500, kKeys = 2'000;
  static constexpr Tick kLatest = 1'000;

  Race() {
    for (std::uint32_t n = 0; n < kSteady; n++) insert(n);
  }

  void read(std::uint32_t seed) {
    std::mt19937 random(seed);
    while (!done_.load(std::memory_order_relaxed)) {
      const auto n = static_cast<std::uint32_t>(random() % kKeys);
      auto hit = rig_.look(V::key(n));
      if (!hit) {
        if (n < kSteady) missed_++;
        continue;
      }
      found_++;
      check(n, hit->word.part.who);
      const std::uint8_t flags = n % 2 ? TD_TCP_ACK : TD_TCP_FIN;
      td_flow_see_tcp(&*hit, static_cast<Tick>(random() % (kLatest + 1)), flags, TD_FROM_CLIENT, 1);
    }
  }

  void write(std::uint32_t operations) {
    std::mt19937 random(99);
    for (std::uint32_t i = 0; i < operations; i++) {
      const auto n = static_cast<std::uint32_t>(kSteady + random() % (kKeys - kSteady));
      if (random() % 4 == 0)
        rig_.table().erase(V::key(n));
      else
        insert(n);
      if (rig_.table().flows() > kCapacity * 95 / 100) {  // steady ones must not give way
        const auto from = static_cast<std::uint32_t>(kSteady + random() % (kKeys - kSteady));
        for (std::uint32_t gone = from; gone < from + 100; gone++) rig_.table().erase(V::key(gone));
      }
      rig_.table().sweep(1, kLatest, limits_);
    }
    done_ = true;
  }

  void check_all() {
    rig_.check_counts();
    std::uint32_t steady = 0;
    rig_.table().for_each([&](const auto& flow) {
      check(flow.backend, flow.backend | std::uint32_t{flow.state} << TD_FLOW_STATE_SHIFT);
      EXPECT_TRUE(rig_.look(V::key(flow.backend)));
      steady += flow.backend < kSteady;
    });
    EXPECT_EQ(rig_.table().evictions(), 0U);
    EXPECT_EQ(steady, kSteady);
    EXPECT_EQ(wrong_, 0U) << "of " << found_ << " found";
    EXPECT_GT(found_, 1'000U);
    EXPECT_GT(rig_.table().moves(), 100U);
  }
  // A flow that moves twice between the looks of one reader may be overlooked.
  [[nodiscard]] double share_missed() const {
    return static_cast<double>(missed_) / static_cast<double>(found_ + missed_);
  }

 private:
  void insert(std::uint32_t n) {
    rig_.table().insert(V::key(n), {static_cast<std::uint16_t>(n), TD_FLOW_SYN_SENT}, 0);
  }
  void check(std::uint32_t n, std::uint32_t who) {
    const std::uint8_t state = td_flow_state_of(who);
    const std::uint8_t other = n % 2 ? TD_FLOW_ESTABLISHED : TD_FLOW_FIN_CLIENT;
    if (td_flow_backend_of(who) != n || (state != TD_FLOW_SYN_SENT && state != other)) wrong_++;
  }

  Rig<V> rig_{kCapacity};
  // Whatever stamp a reader leaves, the sweep lets no flow go: it counts, and brings home.
  static constexpr IdleLimit kLong{std::chrono::seconds(100), std::chrono::hours(4)};
  IdleTicks limits_ = idle_limits({kLong, kLong, kLong, kLong, kLong});
  std::atomic<bool> done_ = false;
  std::atomic<std::uint64_t> found_ = 0, missed_ = 0, wrong_ = 0;
};

TYPED_TEST(FlowRandomTest, NoReaderTakesOneFlowForAnother) {
  Race<TypeParam> race;
  std::thread first([&] { race.read(1); }), second([&] { race.read(2); });
  race.write(400'000);
  first.join();
  second.join();
  race.check_all();
  EXPECT_LT(race.share_missed(), 1e-4);
}

}  // namespace
}  // namespace tandem::flow
