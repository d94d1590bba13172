// SPDX-License-Identifier: Apache-2.0
// Verdicts, their counters, answers and leases of the XDP program.
#include "verdicts.hpp"

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <set>
#include <thread>
#include <vector>

#include "answers.hpp"
#include "kernel.hpp"

namespace tandem {
namespace {

using frames::ip;

std::uint32_t action_of(td_reason reason) {
  return td_is_pass(reason) ? XDP_PASS : td_is_tx(reason) ? XDP_TX : XDP_DROP;
}

class Verdicts : public KernelTest {};

TEST_F(Verdicts, EachKindOfFrameHasItsVerdictCountedOnce) {
  for (const auto& c : verdicts::all()) {
    const auto out = kernel_->steer(c.frame);
    EXPECT_EQ(out.reason, c.reason) << c.name;
    EXPECT_EQ(out.action, action_of(c.reason)) << c.name;
    if (td_is_tx(c.reason)) continue;
    EXPECT_EQ(out.frame, answers::as_passed(c.frame, c.reason)) << c.name;
  }
}

// td_counters is pinned: a daemon of another number of reasons is not to find the old one.
static_assert(TD_ABI_VERSION == 9 && TD_REASON_COUNT == 47,
              "raise TD_ABI_VERSION with each new reason, then both numbers here");

// These two need a full ring, or are of the way out: see advert_test.cpp and egress_test.cpp.
TEST(VerdictTable, HasAFrameForEachReason) {
  std::set<int> reasons{TD_DROP_ADVERT_RING_FULL, TD_DROP_NO_LEASE_SOURCE};
  for (const auto& c : verdicts::all()) reasons.insert(c.reason);
  for (int reason = 0; reason < TD_REASON_COUNT; reason++)
    EXPECT_TRUE(reasons.contains(reason) || verdicts::needs_backends(reason)) << reason;
}

TEST_F(Verdicts, AnswersAreThoseThatScapyBuilds) {
  for (const auto& c : answers::all()) {
    const auto out = kernel_->steer(c.question);
    EXPECT_EQ(out.reason, c.reason) << c.name;
    EXPECT_EQ(out.action, std::uint32_t{XDP_TX}) << c.name;
    EXPECT_EQ(out.frame, c.answer) << c.name;
  }
}

// By both ways: that of plain packets, and the one for all others.
TEST_F(Verdicts, PacketsOfTheNodesOwnServicesAreCountedByService) {
  const auto plain = frames::ipv4({ip("192.0.2.101")}, frames::tcp(80));
  kernel_->steer(plain);
  kernel_->steer(frames::ipv4({ip("192.0.2.101"), 17}, frames::udp(53)));
  for (int i = 0; i < 3; i++) kernel_->steer(frames::ipv6({ip("2001:db8::100")}, frames::tcp(443)));
  kernel_->steer(frames::ipv4({.to = ip("192.0.2.100"), .options = {1, 1, 1, 1}}, frames::tcp(80)));
  std::vector<std::uint64_t> packets;
  for (const std::uint16_t slot : rig::kCountedIn)
    packets.push_back(kernel_->program().maps().traffic(slot).in_packets);
  EXPECT_EQ(packets, (std::vector<std::uint64_t>{1, 1, 1, 3, 0}));
  EXPECT_EQ(kernel_->program().maps().traffic(rig::kCountedIn[0]).in_bytes, plain.size());
}

TEST_F(Verdicts, WhatComesToNoServiceOrIsDroppedIsNotCounted) {
  kernel_->steer(frames::ipv4({ip("192.0.2.100")}, frames::tcp(81)));
  kernel_->steering().revoke_lease(0, MonotonicClock::now());
  kernel_->steer(frames::ipv4({ip("192.0.2.100")}, frames::tcp(80)));
  for (const std::uint16_t slot : rig::kCountedIn)
    EXPECT_EQ(kernel_->program().maps().traffic(slot).in_packets, 0U) << slot;
}

// By the exact clock: a coarse one may lag by more than its resolution.
TEST_F(Verdicts, NothingPassesAfterTheLeasesDeadline) {
  const auto frame = frames::ipv4({ip("192.0.2.106")}, frames::tcp(80));
  const MonotonicTime deadline = MonotonicClock::now() + std::chrono::milliseconds(60);
  kernel_->steering().grant_lease(6, deadline);
  std::this_thread::sleep_for(deadline - MonotonicClock::now());
  EXPECT_EQ(kernel_->steer(frame).reason, TD_DROP_NO_LEASE);
}

TEST_F(Verdicts, RevokingALeaseShutsTheGateAtOnce) {
  const auto frame = frames::ipv4({ip("192.0.2.101")}, frames::tcp(80));
  EXPECT_EQ(kernel_->steer(frame).reason, TD_PASS_LOCAL);
  kernel_->steering().revoke_lease(1, MonotonicClock::now());
  EXPECT_EQ(kernel_->steer(frame).reason, TD_DROP_NO_LEASE);
}

TEST_F(Verdicts, AFullNodeIsFoundByTheProgramToo) {
  ASSERT_TRUE(kernel_->steering().publish({}, {}));
  std::vector<flow::SteeredRouter> routers;
  for (std::uint16_t i = 0; i < 255; i++)
    routers.push_back({i,
                       rig::kLink,
                       {},
                       Family::ipv4,
                       static_cast<std::uint8_t>(i + 1),
                       true,
                       true,
                       frames::kNodeMac,
                       {}});
  std::vector<IpAddress> addresses;
  for (std::uint32_t i = 0; i < TD_MAX_VIPS; i++) {
    std::array<std::uint8_t, 4> bytes;
    store_be32(bytes.data(), 0xcb007100 + i * 0x10001);
    addresses.push_back(IpAddress::v4(bytes));
    routers[i % 255].addresses.push_back(addresses.back());
  }
  ASSERT_TRUE(kernel_->steering().publish(routers, {}));
  for (const auto& a : addresses)
    EXPECT_EQ(kernel_->steer(frames::ipv4({a}, frames::tcp(80))).reason, TD_DROP_NO_LEASE)
        << a.to_string();
}

// Kernels differ in how soon they see that two ways are one; all give up after a million in one program.
// All of them together are the longest part of a start.
TEST_F(Verdicts, TheVerifierIsFarFromItsLimit) {
  const auto programs = kernel_->verified_instructions();
  if (programs.empty()) GTEST_SKIP() << "this kernel does not tell how much it verified";
  EXPECT_EQ(programs.size(), std::size_t{TD_STEPS} + 3);
  unsigned sum = 0;
  for (const auto& [name, instructions] : programs) {
    EXPECT_LT(instructions, 100'000u) << name;
    sum += instructions;
  }
  EXPECT_LT(sum, 400'000u);
}

}  // namespace
}  // namespace tandem
