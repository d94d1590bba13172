// SPDX-License-Identifier: Apache-2.0
// Devices under AF_XDP: they come and go, vanish and are down, and have modes; what is refused.
#include <algorithm>
#include <array>

#include "xsk_rig.hpp"

namespace tandem::engine {
namespace {

TEST_F(AfXdpTest, DevicesComeAndGoInAnyOrder) {
  open();
  std::uint32_t number = 0;
  add_near();
  expect_way(number++, near_, *client_);
  add_far();
  expect_way(number++, far_, *server_);
  af_xdp_->remove(near_);  // the first that came
  EXPECT_EQ(af_xdp_->fds().size(), 1U);
  auto frame = af_xdp_->make(64, far_);
  ASSERT_TRUE(frame);
  std::ranges::copy(numbered(number), frame->data);
  af_xdp_->send(*frame, far_);
  EXPECT_TRUE(af_xdp_->flush());
  EXPECT_EQ(server_->next(), numbered(number++));
  add_near();
  expect_way(number++, far_, *server_);
  expect_way(number++, near_, *client_);
  af_xdp_->remove(far_);
  expect_way(number++, near_, *client_);
  af_xdp_->remove(near_);
  EXPECT_EQ(af_xdp_->fds().size(), 0U);
  EXPECT_EQ(af_xdp_->account().all, 0U);
  af_xdp_->remove(near_);  // nothing to do
  add_far();
  add_near();
  add_near();  // anew
  EXPECT_EQ(af_xdp_->fds().size(), 3U);
  expect_way(number++, far_, *server_);
  expect_whole();
}

// In generic mode, as natively a driver takes no longer ones than a page holds.
TEST_F(AfXdpTest, FramesLongerThanABufferArriveAndLeave) {
  for (const char* device : {"near", "far", "client", "server"})
    run("ip link set " + std::string(device) + " mtu 1500");
  for (const char* device : {"near", "far", "client", "server"})
    bpf_xdp_detach(static_cast<int>(if_nametoindex(device)), XDP_FLAGS_DRV_MODE, nullptr);
  for (const char* device : {"near", "far", "client", "server"})
    run("ip link set " + std::string(device) + " mtu 40000");
  attach(XDP_FLAGS_SKB_MODE);
  open();
  for (const auto& [ifindex, name, map] : {std::tuple{near_, "near", skeleton_->maps.near_xsks},
                                           {far_, "far", skeleton_->maps.far_xsks}}) {
    AfXdp::Queues place{ifindex, name, bpf_map__fd(map), true};
    place.long_frames = true;
    const auto added = af_xdp_->add(place);
    ASSERT_TRUE(added) << added.error().message;
  }
  if (!af_xdp_->takes_long_frames(near_)) GTEST_SKIP() << "needs XDP_USE_SG (Linux 6.6)";
  std::uint32_t number = 0;
  for (int round = 0; round < 200; round++)  // more than there are pieces of memory for
    for (const std::size_t size : {60U, 3840U, 3841U, 4096U, 9000U, 20000U, 40014U})
      for (const auto& [out, wire] : {std::pair{near_, &*client_}, {far_, &*server_}}) {
        const Bytes sent = numbered(number++, size);
        ASSERT_TRUE(client_->send(sent));
        Frame frame = receive_one();
        ASSERT_NE(frame.owner, nullptr) << size;
        ASSERT_EQ(bytes_of(frame), sent);
        EXPECT_EQ(frame.data - frame.first, kHeadroom);
        af_xdp_->send(frame, out);
        af_xdp_->flush();
        ASSERT_EQ(wire->next(), sent) << size;
      }
  EXPECT_TRUE(all_sent());
  expect_whole();
}

TEST_F(AfXdpTest, LongFramesWaitForMemoryAndOutliveTheirDevice) {
  for (const char* device : {"near", "client"})
    bpf_xdp_detach(static_cast<int>(if_nametoindex(device)), XDP_FLAGS_DRV_MODE, nullptr);
  for (const char* device : {"near", "client"})
    run("ip link set " + std::string(device) + " mtu 9000");
  attach(XDP_FLAGS_SKB_MODE);
  open();
  AfXdp::Queues place{near_, "near", bpf_map__fd(skeleton_->maps.near_xsks), true};
  place.long_frames = true;
  ASSERT_TRUE(af_xdp_->add(place));
  if (!af_xdp_->takes_long_frames(near_)) GTEST_SKIP() << "needs XDP_USE_SG (Linux 6.6)";
  constexpr std::uint32_t kFrames = 20;
  for (std::uint32_t i = 0; i < kFrames; i++) ASSERT_TRUE(client_->send(numbered(i, 9000)));
  std::array<Frame, 64> frames;
  std::size_t came = 0;
  for (std::uint32_t taken = 0; taken < kFrames;) {
    came = receive(frames);
    ASSERT_GT(came, 0U);
    ASSERT_LE(came, LongFrames::kMost * 2U) << "of two queues";
    for (const Frame& frame : std::span(frames).first(came))
      EXPECT_EQ(bytes_of(frame), numbered(taken++, 9000));
    if (taken == kFrames) break;
    for (const Frame& frame : std::span(frames).first(came)) af_xdp_->release(frame);
  }
  af_xdp_->remove(near_);
  for (const Frame& frame : std::span(frames).first(came)) {
    EXPECT_GT(frame.data[100] + 1, 0);  // still there
    af_xdp_->release(frame);
  }
  EXPECT_EQ(af_xdp_->account().all, 0U);
}

TEST_F(AfXdpTest, ManyQueuesShareTheMemoryOfSixteen) {
  add_pair("many", 100, "crowd");
  open();
  add(if_nametoindex("many"), "many", skeleton_->maps.near_xsks, false);
  EXPECT_EQ(af_xdp_->fds().size(), 100U);
  EXPECT_LE(af_xdp_->account().all, 16U * 4096);
  EXPECT_GE(af_xdp_->account().all, 100U * 128);
  expect_whole();
}

TEST_F(AfXdpTest, WithoutSocketsFramesGoToTheKernelAgain) {
  open_both();
  af_xdp_->remove(near_);
  Wire near("near");
  ASSERT_TRUE(client_->send(numbered(9)));
  EXPECT_EQ(near.next(), numbered(9));
}

TEST_F(AfXdpTest, FramesOutliveTheirDevice) {
  open_both();
  for (std::uint32_t i = 0; i < 3; i++) ASSERT_TRUE(client_->send(numbered(i)));
  std::array<Frame, 3> frames;
  for (Frame& frame : frames) frame = receive_one();
  af_xdp_->remove(near_);
  EXPECT_GT(af_xdp_->account().all, 4096U) << "near's frames have not come home yet";
  expect_whole(3);
  af_xdp_->send(frames[0], near_);
  EXPECT_EQ(af_xdp_->counters().no_device, 1U);
  af_xdp_->send(frames[1], far_);
  EXPECT_TRUE(af_xdp_->flush());
  EXPECT_EQ(server_->next(), numbered(1));
  EXPECT_EQ(bytes_of(frames[2]), numbered(2));
  add_near();
  af_xdp_->send(frames[2], near_);
  EXPECT_TRUE(af_xdp_->flush());
  EXPECT_EQ(client_->next(), numbered(2));
  EXPECT_EQ(af_xdp_->account().all, 3U * 4096);
  expect_whole();
}

TEST_F(AfXdpTest, ADeviceThatVanishesHarmsNobodyElse) {
  open_both();
  for (std::uint32_t i = 0; i < 4; i++) ASSERT_TRUE(client_->send(numbered(i)));
  Frame held = receive_one();
  ASSERT_NE(held.owner, nullptr);
  run("ip link del near");
  // What was in the rx ring already may still come.
  std::array<Frame, 8> rest;
  for (const Frame& frame : std::span(rest).first(af_xdp_->receive(rest))) af_xdp_->release(frame);

  af_xdp_->send(held, near_);  // nobody knows yet
  EXPECT_TRUE(af_xdp_->flush()) << "or the caller would come back for ever";
  std::vector<pollfd> ready(af_xdp_->fds().begin(), af_xdp_->fds().end());
  EXPECT_EQ(poll(ready.data(), ready.size(), 20), 0) << "a dead socket must not wake the caller";
  EXPECT_EQ(af_xdp_->receive(rest), 0U);
  EXPECT_FALSE(af_xdp_->make(64, near_));
  auto frame = af_xdp_->make(64, far_);
  ASSERT_TRUE(frame);
  af_xdp_->send(*frame, near_);
  EXPECT_EQ(af_xdp_->counters().no_device, 1U);
  expect_whole();

  af_xdp_->remove(near_);
  EXPECT_TRUE(all_sent());
  add_pair("near", 2, "client");
  attach();
  add_near();
  expect_way(77, far_, *server_);
  expect_whole();
}

// Frames wait, and the caller is told to come again.
TEST_F(AfXdpTest, ADeviceThatIsDownKeepsItsFrames) {
  open_both();
  run("ip link set far down");
  auto frame = af_xdp_->make(64, far_);
  ASSERT_TRUE(frame);
  std::ranges::copy(numbered(5), frame->data);
  af_xdp_->send(*frame, far_);
  EXPECT_FALSE(af_xdp_->flush());
  expect_way(6, near_, *client_);
  run("ip link set far up");
  EXPECT_TRUE(all_sent());
  EXPECT_EQ(server_->next(), numbered(5));
}

TEST_F(AfXdpTest, WorksInGenericMode) {
  attach(XDP_FLAGS_SKB_MODE);
  open();
  add_near(true);
  add_far(true);
  EXPECT_FALSE(af_xdp_->zero_copy(near_));
  expect_way(1, near_, *client_);
  expect_way(2, far_, *server_);
}

TEST_F(AfXdpTest, ErrorsNameDeviceAndQueue) {
  open();
  const int map = bpf_map__fd(skeleton_->maps.near_xsks);
  auto added = af_xdp_->add({4711, "eth9", map});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("eth9 queue 0: "), std::string::npos)
      << added.error().message;
  // Not a map of sockets.
  added = af_xdp_->add({near_, "near", -1});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("near queue 0: "), std::string::npos)
      << added.error().message;
  EXPECT_EQ(af_xdp_->account().all, 0U);

  add_near();
  const auto taken = AfXdp::open({}, [](const std::string&) {});
  ASSERT_TRUE(taken);
  added = (*taken)->add({near_, "near", map});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("another AF_XDP socket"), std::string::npos)
      << added.error().message;
  expect_way(1, near_, *client_);
}

TEST_F(AfXdpTest, MoreQueuesThanAMapHasEntriesAreRefused) {
  add_pair("wide", TD_MAX_QUEUES + 1, "end");
  open();
  const auto added =
      af_xdp_->add({if_nametoindex("wide"), "wide", bpf_map__fd(skeleton_->maps.near_xsks)});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("wide has 1025 rx queues, expected 1024 at most"),
            std::string::npos)
      << added.error().message;
}

TEST(AfXdpOptionsTest, ImpossibleShapesAreRefused) {
  const auto refused = [](const AfXdp::Options& options) {
    const auto opened = AfXdp::open(options, [](const std::string&) {});
    return opened ? "" : opened.error().message;
  };
  EXPECT_NE(refused({.frame_size = 3000}).find("3000 bytes, expected 2048 or 4096"),
            std::string::npos);
  EXPECT_NE(refused({.frame_size = 8192}).find("8192"), std::string::npos);
  EXPECT_NE(refused({.ring = 1000}).find("power of two"), std::string::npos);
  EXPECT_NE(refused({.frames = 4095}).find("4095 frames"), std::string::npos);
  EXPECT_EQ(refused({}), "");
}

}  // namespace
}  // namespace tandem::engine
