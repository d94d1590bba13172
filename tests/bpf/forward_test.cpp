// SPDX-License-Identifier: Apache-2.0
// The packet core with services that have backends, in the kernel and in C++: two nodes of the same
// settings get the same frames. XDP's side of one is the kernel; both have a forwarder of their
// own.
#include <gtest/gtest.h>

#include <array>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

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
    ends_.reset();
    in_kernel_.reset();
    in_cxx_.reset();
    kernel_.reset();
    memory_ = std::make_unique<NodeMemory>();
    set_up({flow::FlowTable4::elements_for(ServiceNode::kFlows),
            flow::FlowTable6::elements_for(ServiceNode::kFlows), 2},
           workers);
    if (IsSkipped() || HasFatalFailure()) return;
    const auto clock = kernel_->program().code().read_clock();
    ASSERT_TRUE(clock);
    const auto& maps = kernel_->program().maps();
    in_kernel_ = std::make_unique<ServiceNode>(
        forward::Forwarder::Memory{maps.env(), maps.flow4(), maps.flow6()}, kernel_->steering(),
        *clock);
    steering_ = std::make_unique<flow::Steering>(memory_->tables(), [] { return 1; });
    in_cxx_ = std::make_unique<ServiceNode>(memory_->memory(), *steering_, *clock);
    // No limit, which the kernel would reach by its own clock.
    kernel_->steering().set_errors(1'000'000'000);
    steering_->set_errors(1'000'000'000);
    auto ends = engine::EndRing::open(kernel_->program().end_ring_fd());
    ASSERT_TRUE(ends);
    ends_.emplace(std::move(*ends));
  }

  // One frame at both; they agree, or `disagreement_` says how they do not.
  td_reason step(const frames::Bytes& frame) {
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
    if (!td_is_punt(cxx.reason) || !disagreement_.empty()) return cxx.reason;
    const auto here = in_kernel_->admit(frame, rig::kLink, now);
    const auto there = in_cxx_->admit(frame, rig::kLink, now);
    agree(here.reason, here.frame, there.reason, there.frame, frame);
    return cxx.reason;
  }
  void agree(td_reason a, const frames::Bytes& frame_a, td_reason b, const frames::Bytes& frame_b,
             const frames::Bytes& frame) {
    if (a == b && frame_a == frame_b) return;
    disagreement_ = "the kernel says " + std::to_string(a) + ", C++ " + std::to_string(b) +
                    "\nframe     " + frames::to_hex(frame) + "\nby kernel " +
                    frames::to_hex(frame_a) + "\nby C++    " + frames::to_hex(frame_b);
  }

  // What both remember.
  template <class Table>
  void compare(const Table& a, const Table& b) {
    if (a.flows() != b.flows())
      disagreement_ = std::to_string(a.flows()) + " flows in the kernel, " +
                      std::to_string(b.flows()) + " in C++";
    a.for_each([&](const auto& flow) {
      const auto twin = b.find(flow.key);
      if (!twin || flow.backend != twin->backend || flow.state != twin->state ||
          flow.counted != twin->counted || flow.extra != twin->extra)
        disagreement_ =
            "a flow of backend " + std::to_string(flow.backend) + " is another one in C++";
    });
  }

  // Frames of a seed at both nodes, both new.
  void play(std::uint64_t seed) {
    PacketGenerator generator(seed, service_frames());
    for (unsigned i = 0; i < kFrames && disagreement_.empty(); i++) {
      reached_[step(generator.next())]++;
      if (!disagreement_.empty()) disagreement_ += "\nframe number " + std::to_string(i);
    }
    if (!disagreement_.empty()) return;
    compare(in_kernel_->forwarder().flows4(), in_cxx_->forwarder().flows4());
    compare(in_kernel_->forwarder().flows6(), in_cxx_->forwarder().flows6());
  }

  std::unique_ptr<ServiceNode> in_kernel_, in_cxx_;
  std::unique_ptr<NodeMemory> memory_;
  std::unique_ptr<flow::Steering> steering_;
  std::optional<engine::EndRing> ends_;
  std::array<unsigned, TD_REASON_COUNT> reached_{};
  std::string disagreement_;
};

// Which flow or datagram gives way is a matter of age, and the kernel reads the clock by itself, a
// little after us or, on a busy machine, much. What comes again in each of some runs is no matter
// of clocks.
TEST_P(Forwarding, TheKernelAndCxxAgreeOnFramesAndFlows) {
  constexpr int kRuns = 4;
  for (int run = 1;; run++) {
    play(GetParam());
    if (disagreement_.empty()) break;
    ASSERT_LT(run, kRuns) << disagreement_;
    std::cout << "run " << run << ": " << disagreement_ << "\n";
    disagreement_.clear();
    prepare(false);
    if (HasFatalFailure()) return;
  }
  for (const auto reason :
       {TD_TX_FORWARD, TD_TX_REPLY, TD_TX_ICMP_ERROR, TD_PUNT_ERROR, TD_PUNT_MISS,
        TD_DROP_FRAGMENT_UNPLACED, TD_DROP_TOO_BIG, TD_DROP_MALFORMED, TD_DROP_NO_FLOW,
        TD_PASS_NO_FLOW, TD_PASS_LOCAL, TD_DROP_NO_LEASE, TD_DROP_MARTIAN, TD_DROP_LINK_BROADCAST,
        TD_DROP_OTHER_HOST, TD_DROP_TOO_MANY_TAGS})
    EXPECT_GT(reached_[reason], 10U) << "the generator misses reason " << reason;
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
  EXPECT_EQ(disagreement_, "");
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
    ASSERT_EQ(disagreement_, "") << "frame " << i;
  }
  EXPECT_GT(decided, 1'000U);
  EXPECT_GT(handed_over[TD_PUNT_MISS], 1'000U);
  EXPECT_GT(handed_over[TD_DROP_NO_FLOW], 10U);
  for (const auto reason : {TD_DROP_FRAGMENT_UNPLACED, TD_TAKE_ADVERT})
    EXPECT_EQ(handed_over[reason], 0U) << reason;
}

}  // namespace
}  // namespace tandem
