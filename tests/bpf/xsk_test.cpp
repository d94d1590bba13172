// SPDX-License-Identifier: Apache-2.0
// Frames on their way through AF_XDP: in, changed, out; what is counted, and where frames are.
#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <set>

#include "xsk_rig.hpp"

namespace tandem::engine {
namespace {

TEST_F(AfXdpTest, FramesArriveAsTheyWereSentInEveryLength) {
  open_both();
  for (const std::size_t size : {60, 64, 1514, 3414}) {
    const Bytes sent = numbered(7, size);
    ASSERT_TRUE(client_->send(sent));
    const Frame frame = receive_one();
    ASSERT_NE(frame.owner, nullptr);
    EXPECT_EQ(bytes_of(frame), sent);
    EXPECT_EQ(frame.device, near_);
    EXPECT_EQ(frame.data - frame.first, kHeadroom);
    EXPECT_EQ(frame.last - frame.first, 4096);
    af_xdp_->release(frame);
    af_xdp_->flush();
  }
  EXPECT_EQ(af_xdp_->counters().received, 4U);
  expect_whole();
}

TEST_F(AfXdpTest, FramesGrowShrinkAndGoBack) {
  open_both();
  const Bytes sent = numbered(1);
  const Bytes outer(64, 0xaa);
  ASSERT_TRUE(client_->send(sent));
  Frame frame = receive_one();
  ASSERT_NE(frame.owner, nullptr);
  frame.data -= outer.size();
  frame.length += static_cast<std::uint32_t>(outer.size());
  std::ranges::copy(outer, frame.data);
  af_xdp_->send(frame, near_);
  EXPECT_TRUE(af_xdp_->flush());
  Bytes expected = outer;
  expected.insert(expected.end(), sent.begin(), sent.end());
  EXPECT_EQ(client_->next(), expected);

  ASSERT_TRUE(client_->send(expected));
  frame = receive_one();
  ASSERT_NE(frame.owner, nullptr);
  frame.data += outer.size();
  frame.length -= static_cast<std::uint32_t>(outer.size());
  af_xdp_->send(frame, near_);
  EXPECT_TRUE(af_xdp_->flush());
  EXPECT_EQ(client_->next(), sent);
  EXPECT_EQ(af_xdp_->counters().sent, 2U);
  EXPECT_EQ(af_xdp_->counters().copied, 0U);
  expect_whole();
}

TEST_F(AfXdpTest, FramesGoOutOfAnotherDevice) {
  open_both();
  Bytes outer(64, 0xbb);
  ASSERT_TRUE(client_->send(numbered(2, 3000)));
  Frame frame = receive_one();
  ASSERT_NE(frame.owner, nullptr);
  frame.data -= outer.size();
  frame.length += static_cast<std::uint32_t>(outer.size());
  std::ranges::copy(outer, frame.data);
  const Bytes expected = bytes_of(frame);
  af_xdp_->send(frame, far_);
  EXPECT_TRUE(af_xdp_->flush());
  EXPECT_EQ(server_->next(), expected);
  EXPECT_EQ(af_xdp_->counters().copied, 1U);
  EXPECT_TRUE(all_sent());
  expect_whole();
}

TEST_F(AfXdpTest, FramesAreMadeFromNothing) {
  open_both();
  const Bytes answer = numbered(3);
  auto frame = af_xdp_->make(static_cast<std::uint32_t>(answer.size()), far_);
  ASSERT_TRUE(frame);
  EXPECT_GE(frame->data - frame->first, kHeadroom);
  std::ranges::copy(answer, frame->data);
  expect_whole(1);
  af_xdp_->send(*frame, far_);
  EXPECT_TRUE(af_xdp_->flush());
  EXPECT_EQ(server_->next(), answer);
  EXPECT_EQ(af_xdp_->counters().copied, 0U);

  EXPECT_FALSE(af_xdp_->make(4096 - kHeadroom + 1, far_));
  EXPECT_FALSE(af_xdp_->make(64, 4711));
  EXPECT_TRUE(all_sent());
  expect_whole();
}

TEST_F(AfXdpTest, EveryQueueOfADeviceIsServed) {
  open_both();
  EXPECT_EQ(af_xdp_->fds().size(), 3U);
  EXPECT_NE(logged_.find("near: AF_XDP on 2 queues, copy mode"), std::string::npos) << logged_;
  std::set<void*> sockets;
  for (std::uint16_t port = 0; port < 256; port++) {
    const Bytes frame = frames::ipv4({frames::ip("192.0.2.100")}, frames::tcp(port));
    ASSERT_TRUE(client_->send(frame));
    const Frame got = receive_one();
    ASSERT_NE(got.owner, nullptr);
    sockets.insert(got.owner);
    af_xdp_->release(got);
    af_xdp_->flush();
  }
  EXPECT_EQ(sockets.size(), 2U);
}

// 10,000 frames in and out by both devices, while the caller holds back some. A veth pair has room
// for 256: no more than kOnWire are on their way in, or out, at a time.
TEST_F(AfXdpTest, BurstsLeaveTheAccountWhole) {
  constexpr std::uint32_t kFrames = 10'000, kOnWire = 100;
  open_both({.frames = 1024, .frame_size = 4096, .ring = 256, .zero_copy = true});
  std::mt19937 random(1);
  std::deque<Frame> held;
  std::array<Frame, 32> burst;
  std::uint32_t in = 0, arrived = 0, out = 0, came_back = 0;
  const auto give_away = [&] {
    const Frame frame = held.front();
    held.pop_front();
    const auto choice = random() % 8;
    if (choice == 0) return af_xdp_->release(frame);
    af_xdp_->send(frame, choice % 2 == 0 ? near_ : far_);
    out++;
  };
  const auto done = [&] { return arrived == kFrames && held.empty() && came_back == out; };
  const auto end = MonotonicClock::now() + seconds(30);
  while (!done() && MonotonicClock::now() < end) {
    while (in < kFrames && in - arrived < kOnWire && client_->send(numbered(in))) in++;
    const auto came = af_xdp_->receive(burst);
    arrived += static_cast<std::uint32_t>(came);
    held.insert(held.end(), burst.begin(), burst.begin() + static_cast<std::ptrdiff_t>(came));
    while (held.size() > (arrived < kFrames ? 40U : 0U) && out - came_back < kOnWire) give_away();
    expect_whole(held.size());
    af_xdp_->flush();
    while (client_->receive() || server_->receive()) came_back++;
    if (came == 0) wait(1);
  }
  EXPECT_EQ(arrived, kFrames);
  EXPECT_EQ(came_back, out);
  const auto counters = af_xdp_->counters();
  EXPECT_EQ(counters.received, arrived);
  EXPECT_EQ(counters.sent, out);
  EXPECT_EQ(counters.no_room + counters.rx_dropped + counters.rx_ring_full, 0U);
  EXPECT_TRUE(all_sent());
  expect_whole();
  EXPECT_EQ(af_xdp_->account().receiving, 3U * 256);
}

TEST_F(AfXdpTest, AFullTxRingIsCounted) {
  constexpr std::uint32_t kRing = 64;
  open_both({.frames = 4 * kRing, .frame_size = 2048, .ring = kRing, .zero_copy = true});
  for (std::uint32_t i = 0; i < kRing + 10; i++) {
    auto frame = af_xdp_->make(64, far_);
    ASSERT_TRUE(frame);
    std::ranges::copy(numbered(i), frame->data);
    af_xdp_->send(*frame, far_);
  }
  EXPECT_EQ(af_xdp_->counters().sent, kRing);
  EXPECT_EQ(af_xdp_->counters().no_room, 10U);
  expect_whole();
  EXPECT_TRUE(af_xdp_->flush());
  for (std::uint32_t i = 0; i < kRing; i++) EXPECT_EQ(server_->next(), numbered(i));
  EXPECT_TRUE(all_sent());
  expect_whole();
}

TEST_F(AfXdpTest, WithoutAFreeFrameNothingIsCopied) {
  constexpr std::uint32_t kRing = 64;
  open_both({.frames = 2 * kRing, .frame_size = 2048, .ring = kRing, .zero_copy = true});
  std::vector<Frame> all;
  while (auto frame = af_xdp_->make(64, far_)) all.push_back(*frame);
  EXPECT_EQ(all.size(), kRing);
  ASSERT_TRUE(client_->send(numbered(1)));
  af_xdp_->send(receive_one(), far_);
  EXPECT_EQ(af_xdp_->counters().no_room, 1U);
  expect_whole(kRing);
  for (const Frame& frame : all) af_xdp_->release(frame);
  expect_whole();
}

TEST_F(AfXdpTest, WhatTheKernelCouldNotDeliverIsCounted) {
  constexpr std::uint32_t kRing = 64;
  open_both({.frames = 2 * kRing, .frame_size = 2048, .ring = kRing, .zero_copy = true});
  ASSERT_TRUE(client_->send(numbered(1, 3000)));  // longer than a frame
  for (std::uint32_t i = 0; i < 10 * kRing; i++) ASSERT_TRUE(client_->send(numbered(i)));
  const auto end = MonotonicClock::now() + seconds(10);
  const auto lost = [this] {
    const auto counters = af_xdp_->counters();
    return counters.rx_dropped + counters.rx_ring_full;
  };
  while (lost() < 10 * kRing + 1 - 2 * kRing && MonotonicClock::now() < end) wait(0);
  const auto before = lost();
  EXPECT_GE(before, 10 * kRing + 1 - 2 * kRing);
  EXPECT_GT(af_xdp_->counters().fill_ring_empty, 0U);
  af_xdp_->remove(near_);
  EXPECT_EQ(lost(), before) << "a counter must not go back";
}

TEST_F(AfXdpTest, WhatCannotBeSentIsReleasedAndCounted) {
  open();
  add_near();
  for (std::uint32_t i = 0; i < 4; i++) ASSERT_TRUE(client_->send(numbered(i)));
  std::array<Frame, 4> frames;
  for (Frame& frame : frames) frame = receive_one();
  expect_whole(4);
  af_xdp_->send(frames[0], far_);  // no socket there
  frames[1].length = ETH_HLEN - 1;
  frames[2].length = static_cast<std::uint32_t>(frames[2].last - frames[2].data + 1);
  frames[3].data = frames[3].first - 1;
  for (const Frame& frame : std::span(frames).subspan(1)) af_xdp_->send(frame, near_);
  EXPECT_EQ(af_xdp_->counters().no_device, 1U);
  EXPECT_EQ(af_xdp_->counters().malformed, 3U);
  EXPECT_EQ(af_xdp_->counters().sent, 0U);
  expect_whole();
}

}  // namespace
}  // namespace tandem::engine
