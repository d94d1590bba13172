// SPDX-License-Identifier: Apache-2.0
// The packet core with services that have backends, in the kernel and in C++: two nodes of the same
// settings get the same frames. XDP's side of one is the kernel; both have a forwarder of their
// own.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <iomanip>
#include <map>
#include <sstream>
#include <thread>

#include "kernel.hpp"
#include "packet_generator.hpp"
#include "service_node.hpp"

namespace tandem {
namespace {

constexpr unsigned kFrames = 30'000;

class Forwarding : public KernelTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  void SetUp() override { prepare(false); }
  void prepare(bool workers) {
    set_up({flow::FlowTable4::elements_for(ServiceNode::kFlows),
            flow::FlowTable6::elements_for(ServiceNode::kFlows), 2},
           workers);
    if (IsSkipped() || HasFatalFailure()) return;
    const auto clock = kernel_->program().read_clock();
    ASSERT_TRUE(clock);
    const auto& maps = kernel_->program().maps();
    in_kernel_ = std::make_unique<ServiceNode>(
        forward::Forwarder::Memory{maps.env(), maps.flow4(), maps.flow6()}, kernel_->steering(),
        *clock);
    steering_ = std::make_unique<flow::Steering>(memory_.tables(), [] { return 1; });
    in_cxx_ = std::make_unique<ServiceNode>(memory_.memory(), *steering_, *clock);
    // No limit, which the kernel would reach by its own clock.
    kernel_->steering().set_errors(1'000'000'000);
    steering_->set_errors(1'000'000'000);
    auto ends = engine::EndRing::open(kernel_->program().end_ring_fd());
    ASSERT_TRUE(ends);
    ends_.emplace(std::move(*ends));
  }

  // One frame at both; they agree, or the test has failed.
  td_reason step(const frames::Bytes& frame) {
    keep_apart(frame);
    const MonotonicTime now = MonotonicClock::now();
    const auto kernel = kernel_->steer(frame);
    const auto cxx = in_cxx_->steer(frame, rig::kLink, now);
    ends_->drain(4, [&](const td_flow_end& end) {
      in_kernel_->forwarder().on_end(end, in_kernel_->tick(now));
    });
    kernel_->ring().drain(4, [](const td_advert&) {});
    td_reason expected = cxx.reason;
    if (td_is_punt(expected))
      expected = TD_DROP_NO_DATA_THREAD;  // no data thread is there to take it
    if (expected == TD_TAKE_ADVERT && kernel.reason == TD_DROP_ADVERT_TOO_LONG)
      expected = TD_DROP_ADVERT_TOO_LONG;  // left to the caller of the core
    agree(kernel.reason.value_or(TD_PASS_OTHER), kernel.frame, expected, cxx.frame, frame);
    if (!td_is_punt(cxx.reason) || testing::Test::HasFatalFailure()) return cxx.reason;
    const auto here = in_kernel_->admit(frame, rig::kLink, now);
    const auto there = in_cxx_->admit(frame, rig::kLink, now);
    agree(here.reason, here.frame, there.reason, there.frame, frame);
    return cxx.reason;
  }
  // Which of two datagrams gives way to a third is decided by their age in milliseconds. Both sides
  // read the clock by themselves: no two datagrams begin within the same.
  static void keep_apart(const frames::Bytes& frame) {
    td_packet p{};
    frames::Bytes copy = frame;
    td_parse(&p, copy.data(), copy.data() + copy.size(), TD_FULL);
    if (p.fragment == TD_FRAGMENT_FIRST) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  static void agree(td_reason a, const frames::Bytes& frame_a, td_reason b,
                    const frames::Bytes& frame_b, const frames::Bytes& frame) {
    ASSERT_EQ(a, b) << frames::to_hex(frame);
    ASSERT_EQ(frames::to_hex(frame_a), frames::to_hex(frame_b)) << frames::to_hex(frame);
  }

  // What both remember.
  template <class Table>
  static void compare(const Table& a, const Table& b) {
    ASSERT_EQ(a.flows(), b.flows());
    a.for_each([&](const auto& flow) {
      const auto twin = b.find(flow.key);
      ASSERT_TRUE(twin);
      ASSERT_EQ(flow.backend, twin->backend);
      ASSERT_EQ(flow.state, twin->state);
      ASSERT_EQ(flow.counted, twin->counted);
      ASSERT_EQ(flow.extra, twin->extra);
    });
  }

  std::unique_ptr<ServiceNode> in_kernel_, in_cxx_;
  NodeMemory memory_;
  std::unique_ptr<flow::Steering> steering_;
  std::optional<engine::EndRing> ends_;
};

TEST_P(Forwarding, TheKernelAndCxxAgreeOnFramesAndFlows) {
  PacketGenerator generator(GetParam(), service_frames());
  std::array<unsigned, TD_REASON_COUNT> reached{};
  for (unsigned i = 0; i < kFrames; i++) {
    reached[step(generator.next())]++;
    if (testing::Test::HasFatalFailure()) FAIL() << "frame " << i;
  }
  compare(in_kernel_->forwarder().flows4(), in_cxx_->forwarder().flows4());
  compare(in_kernel_->forwarder().flows6(), in_cxx_->forwarder().flows6());
  for (const auto reason :
       {TD_TX_FORWARD, TD_TX_REPLY, TD_TX_ICMP_ERROR, TD_PUNT_ERROR, TD_PUNT_MISS,
        TD_DROP_FRAGMENT_UNPLACED, TD_DROP_TOO_BIG, TD_DROP_MALFORMED, TD_DROP_NO_FLOW,
        TD_PASS_NO_FLOW, TD_PASS_LOCAL, TD_DROP_NO_LEASE, TD_DROP_MARTIAN, TD_DROP_LINK_BROADCAST,
        TD_DROP_OTHER_HOST, TD_DROP_TOO_MANY_TAGS})
    EXPECT_GT(reached[reason], 10U) << "the generator misses reason " << reason;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Forwarding, testing::Values(1, 2));

// Over the budget, both nodes of a pair pick alike, whatever their seeds.
TEST_F(Forwarding, WithoutABudgetAHashPicks) {
  kernel_->steering().set_budget(1, std::chrono::nanoseconds(1));
  steering_->set_budget(1, std::chrono::nanoseconds(1));
  std::map<td_reason, unsigned> reasons;
  for (const auto& s : test_services())
    for (unsigned client = 1; client < 30; client++) {
      const auto frame = to_service(s, {.client = client, .port = 3000});
      const auto kernel = kernel_->steer(frame);
      const auto cxx = in_cxx_->steer(frame, rig::kLink, MonotonicClock::now());
      if (kernel.reason == TD_DROP_NO_DATA_THREAD || cxx.reason == TD_PUNT_MISS)
        continue;  // the first ones
      agree(kernel.reason.value_or(TD_PASS_OTHER), kernel.frame, cxx.reason, cxx.frame, frame);
      reasons[cxx.reason]++;
    }
  EXPECT_GT(reasons[TD_TX_HASHED], 200U);
  EXPECT_GT(reasons[TD_DROP_OVER_BUDGET], 40U);  // fullnat
}

// The program of the dpdk engine: what concerns backends is for workers, as it came; what does not
// is decided as ever.
class HandingOver : public Forwarding {
 protected:
  void SetUp() override { prepare(true); }
};

TEST_F(HandingOver, WorkersGetWhatConcernsBackends) {
  PacketGenerator generator(1, service_frames());
  std::array<unsigned, TD_REASON_COUNT> handed_over{};
  unsigned decided = 0;
  for (unsigned i = 0; i < kFrames; i++) {
    const frames::Bytes frame = generator.next();
    const auto kernel = kernel_->steer(frame);
    kernel_->ring().drain(4, [](const td_advert&) {});
    const auto cxx = in_cxx_->steer(frame, rig::kLink, MonotonicClock::now());
    if (kernel.reason == TD_DROP_NO_DATA_THREAD) {  // no worker is there to take it
      ASSERT_EQ(frames::to_hex(kernel.frame), frames::to_hex(frame));
      handed_over[cxx.reason]++;
      continue;
    }
    decided++;
    td_reason expected = cxx.reason;
    if (expected == TD_TAKE_ADVERT && kernel.reason == TD_DROP_ADVERT_TOO_LONG)
      expected = TD_DROP_ADVERT_TOO_LONG;
    agree(kernel.reason.value_or(TD_PASS_OTHER), kernel.frame, expected, cxx.frame, frame);
    if (testing::Test::HasFatalFailure()) FAIL() << "frame " << i;
  }
  EXPECT_GT(decided, 1'000U);
  EXPECT_GT(handed_over[TD_PUNT_MISS], 1'000U);
  EXPECT_GT(handed_over[TD_DROP_NO_FLOW], 10U);
  for (const auto reason : {TD_DROP_FRAGMENT_UNPLACED, TD_TAKE_ADVERT})
    EXPECT_EQ(handed_over[reason], 0U) << reason;
}

}  // namespace
}  // namespace tandem
