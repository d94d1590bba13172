// SPDX-License-Identifier: Apache-2.0
// The counts: at every moment those of the table, those of the schedulers, and those of a model
// that is told the same; and picks that keep to exact least connections by them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <queue>
#include <random>

#include "allocations.hpp"
#include "oracle.hpp"
#include "service_node.hpp"

namespace tandem {
namespace {

std::uint64_t counted_in_tables(forward::Forwarder& f) {
  std::uint64_t counted = 0;
  f.flows4().for_each([&](const auto& flow) { counted += flow.counted; });
  f.flows6().for_each([&](const auto& flow) { counted += flow.counted; });
  return counted;
}

void expect_agreement(forward::Forwarder& f) {
  const auto sums = f.sums();
  const std::uint64_t counted = counted_in_tables(f);
  ASSERT_EQ(sums.in_table, counted);
  ASSERT_EQ(sums.in_schedulers, counted);
}

// ---- Whatever happens

class Chaos {
 public:
  explicit Chaos(unsigned seed) : random_(seed) {}

  void step() {
    now_ += std::chrono::milliseconds(random_() % 200);
    switch (random_() % 40) {
      case 0:
        return change_backend();
      case 1:
        node_.forwarder().sweep(1 + static_cast<std::uint32_t>(random_() % 200), node_.tick(now_));
        return;
      case 2:
        if (random_() % 20 == 0) node_.restart(now_);
        return;
      default:
        return packet();
    }
  }
  [[nodiscard]] ServiceNode& node() { return node_; }

 private:
  void packet() {
    const TestService& s = services_[random_() % 13];
    constexpr std::uint8_t flags[] = {
        TD_TCP_SYN, TD_TCP_SYN, TD_TCP_ACK, TD_TCP_ACK, TD_TCP_FIN | TD_TCP_ACK, TD_TCP_RST};
    Segment segment{.client = static_cast<unsigned>(1 + random_() % 100),
                    .port = static_cast<std::uint16_t>(2000 + random_() % 3),
                    .flags = flags[random_() % 6]};
    if (s.is_nat() && random_() % 2 == 0) {  // a reply
      const int i = static_cast<int>(random_() % 2);
      segment.flags |= TD_TCP_ACK;
      const auto port = s.mode == TD_MODE_FULLNAT
                            ? static_cast<std::uint16_t>(1024 + random_() % 3000)
                            : segment.port;
      node_.steer(from_backend(s, i, segment, port), i == 0 ? rig::kLink : rig::kOtherLink, now_);
      return;
    }
    const auto frame = to_service(s, segment);
    if (td_is_punt(node_.steer(frame, rig::kLink, now_).reason))
      node_.admit(frame, rig::kLink, now_);
  }

  void change_backend() {
    constexpr balance::State states[] = {balance::State::up, balance::State::up,
                                         balance::State::draining, balance::State::down};
    node_.set_backend(static_cast<std::uint16_t>(2 + random_() % 26), states[random_() % 4],
                      static_cast<std::uint16_t>(random_() % 4), now_, random_() % 3 == 0 ? 20 : 0);
  }

  std::mt19937 random_;
  std::vector<TestService> services_ = test_services();
  MonotonicTime now_ = MonotonicClock::now();
  MemoryNode memory_{now_};
  ServiceNode& node_ = memory_.node;
};

TEST(Counts, AgreeWithTheTableAfterEveryEvent) {
  for (unsigned seed = 1; seed <= 3; seed++) {
    Chaos chaos(seed);
    std::uint32_t most = 0;
    for (int i = 0; i < 15'000; i++) {
      chaos.step();
      expect_agreement(chaos.node().forwarder());
      most = std::max(most, chaos.node().forwarder().flows4().flows());
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", event " << i;
    }
    EXPECT_GT(most, 400U);  // of 2,100 that there could be
  }
}

// ---- Exactly least

// 10,000 connections of uneven lives. Each goes where active / weight is least by the counts of
// that moment; and with equal weights the highest load stays within one of an oracle's that decides
// for itself, and is told of the same beginnings and ends.
class Lives : public testing::TestWithParam<unsigned> {};

TEST_P(Lives, EachConnectionGoesToTheLeastLoaded) {
  constexpr std::uint16_t kFirst = 8;  // of service 4
  const std::uint32_t weight[2] = {1, GetParam()};
  const TestService s = test_services()[3];
  MonotonicTime now = MonotonicClock::now();
  MemoryNode memory(now);
  memory.node.set_backend(kFirst + 1, balance::State::up, static_cast<std::uint16_t>(weight[1]),
                          now);
  const auto active = [&](unsigned i) {
    return memory.node.forwarder().counts().active(static_cast<std::uint16_t>(kFirst + i));
  };
  std::mt19937 random(7);
  using End = std::pair<MonotonicTime, std::uint16_t>;  // when, which port
  std::priority_queue<End, std::vector<End>, std::greater<>> ends;
  std::vector<std::uint16_t> ports;  // that are free
  for (std::uint16_t p = 1; p <= 1'500; p++) ports.push_back(p);
  balance::Oracle oracle;
  for (std::uint16_t i = 0; i < 2; i++)
    oracle.set(
        {.slot = i, .weight = static_cast<std::uint16_t>(weight[i]), .state = balance::State::up});
  std::map<std::uint16_t, std::uint16_t> at;  // the oracle's backends, by port
  for (int n = 0; n < 10'000; n++) {
    now += std::chrono::milliseconds(1 + random() % 20);
    for (; !ends.empty() && ends.top().first <= now; ends.pop()) {
      const std::uint16_t port = ends.top().second;
      memory.node.steer(to_service(s, {.port = port, .flags = TD_TCP_RST}), rig::kLink, now);
      oracle.close(at[port]);
      ports.push_back(port);
    }
    ASSERT_FALSE(ports.empty());
    std::swap(ports[random() % ports.size()], ports.back());
    const std::uint16_t port = ports.back();
    ports.pop_back();
    const std::uint32_t before[2] = {active(0), active(1)};
    const auto out = memory.node.admit(to_service(s, {.port = port}), rig::kLink, now);
    ASSERT_EQ(out.reason, TD_TX_FORWARD);
    const unsigned to = out.out.backend - kFirst;
    ASSERT_LE(before[to] * weight[1 - to], before[1 - to] * weight[to]);
    at[port] = oracle.least(now).value();
    oracle.charge(at[port]);
    ends.emplace(now + std::chrono::milliseconds(
                           random() % 20 == 0 ? 8'000 : static_cast<int>(1 + random() % 400)),
                 port);
    ASSERT_EQ(active(0) + active(1), oracle.active(0) + oracle.active(1));
    if (weight[0] == weight[1]) {
      ASSERT_LE(std::max(active(0), active(1)), std::max(oracle.active(0), oracle.active(1)) + 1);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, Lives, testing::Values(1U, 3U, 250U));

// ---- Restarts

// The control thread may take its time between the services and the adoption of their flows.
TEST(Counts, ASweepBeforeTheAdoptionOfFlowsClosesNothingThatWasNotCharged) {
  MonotonicTime now = MonotonicClock::now();
  MemoryNode memory(now);
  for (const auto& frame : service_frames()) memory.node.admit(frame, rig::kLink, now);
  ASSERT_GT(memory.node.forwarder().sums().in_table, 0U);
  now += std::chrono::hours(1);  // all of them have idled away
  memory.node.restart(now, true);
  const auto sums = memory.node.forwarder().sums();
  EXPECT_EQ(sums.in_table, sums.in_schedulers);
  memory.node.forwarder().sweep(ServiceNode::kFlows, memory.node.tick(now));
  EXPECT_EQ(memory.node.forwarder().sums().in_table, memory.node.forwarder().sums().in_schedulers);
}

// ---- What a packet costs

TEST(Counts, NoPacketAllocates) {
  const auto services = test_services();
  MonotonicTime now = MonotonicClock::now();
  MemoryNode memory(now);
  std::vector<frames::Bytes> all = service_frames();
  for (const auto& frame : all) memory.node.admit(frame, rig::kLink, now);  // buffers grow
  td_frame f{};
  std::vector<std::uint8_t> buffer(4096);
  const auto before = balance::allocations();
  for (int round = 0; round < 3; round++)
    for (const auto& frame : all) {
      now += std::chrono::milliseconds(3);
      std::ranges::copy(frame, buffer.begin() + 256);
      f = {};
      f.first = buffer.data();
      f.last = buffer.data() + buffer.size();
      f.data = f.first + 256;
      f.end = f.data + frame.size();
      f.ifindex = rig::kLink;
      f.now_ns = to_ns(now);
      f.jiffies = 1'000'000 + static_cast<std::uint64_t>(round) * 1'000;
      td_outcome outcome;
      memory.node.forwarder().admit(f, outcome, now);
      if (f.ended.family != 0) memory.node.forwarder().on_end(f.ended, memory.node.tick(now));
      memory.node.forwarder().sweep(4, memory.node.tick(now));
    }
  EXPECT_EQ(balance::allocations(), before);
}

}  // namespace
}  // namespace tandem
