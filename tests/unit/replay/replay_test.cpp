// SPDX-License-Identifier: Apache-2.0
#include "replay/replay.hpp"

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "service_node.hpp"

namespace tandem::replay {
namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};

constexpr const char* kConfig = R"(
[node]
name = "node-a"
[flows]
size = 1000
size_ipv6 = 1000
[[interface]]
name = "eth0"
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
[[service]]
name = "web"
address = "192.0.2.100"
port = 8001
forward = "nat"
backends = [{ address = "203.0.113.1", port = 9001 }, { address = "203.0.113.2", port = 9001 }]
[[service]]
name = "mail"
address = "192.0.2.100"
port = 8005
forward = "tunnel"
backends = [{ address = "203.0.113.1" }]
[[service]]
name = "nginx"
address = "192.0.2.100"
port = 80
)";

class Replaying : public testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = config::parse(kConfig);
    ASSERT_TRUE(loaded.good()) << loaded.problems.front().what;
    auto opened = Replay::open(loaded.config, kStart);
    ASSERT_TRUE(opened) << opened.error().message;
    node_ = std::move(*opened);
  }
  // Of the services of service_node.hpp with these ports.
  Replay::Outcome put(int number, const Segment& segment, Duration after = {}) {
    return node_->put(to_service(test_services()[static_cast<std::size_t>(number) - 1], segment),
                      now_ += after);
  }
  static IpAddress destination(std::span<const std::uint8_t> frame) {
    return IpAddress::v4(frame.subspan<30, 4>());
  }

  std::unique_ptr<Replay> node_;
  MonotonicTime now_ = kStart;
};

TEST_F(Replaying, ConnectionsGoToBackendsInTurnAndStay) {
  const auto first = put(1, {.client = 1});
  ASSERT_EQ(first.reason, TD_TX_FORWARD);
  const IpAddress backend = destination(first.sent);
  EXPECT_TRUE(has_good_checksums({first.sent.begin(), first.sent.end()}));
  EXPECT_EQ(load_be16(&first.sent[36]), 9001);
  EXPECT_EQ(first.sent[0], 0x02);
  EXPECT_TRUE(std::ranges::equal(first.sent.subspan(2, 4), backend.bytes()));
  const auto second = put(1, {.client = 2});
  EXPECT_NE(destination(second.sent), backend);
  EXPECT_EQ(destination(put(1, {.client = 1, .flags = TD_TCP_ACK}).sent), backend);
}

TEST_F(Replaying, AnswersComeFromTheVirtualAddress) {
  const auto there = put(1, {.client = 1});
  const int backend = destination(there.sent) == backend_address(Family::ipv4, 0) ? 0 : 1;
  auto answer = from_backend(test_services()[0], backend,
                             {.client = 1, .flags = TD_TCP_SYN | TD_TCP_ACK}, 40000);
  if (backend == 1) answer.erase(answer.begin() + 12, answer.begin() + 16);  // its tag
  const auto back = node_->put(answer, now_);
  ASSERT_EQ(back.reason, TD_TX_REPLY);
  EXPECT_EQ(IpAddress::v4(back.sent.subspan<26, 4>()), IpAddress::parse("192.0.2.100").value());
}

TEST_F(Replaying, TunnelsHaveAnOuterAddress) {
  const auto sent = put(5, {});
  ASSERT_EQ(sent.reason, TD_TX_FORWARD);
  EXPECT_EQ(IpAddress::v4(sent.sent.subspan<26, 4>()), IpAddress::parse("192.0.2.1").value());
}

TEST_F(Replaying, WhatIsTheKernelsIsNotSent) {
  const auto local = node_->put(
      frames::ipv4({.to = IpAddress::parse("192.0.2.100").value(), .protocol = 6},
                   {0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0}, {}),
      now_);
  EXPECT_EQ(local.reason, TD_PASS_LOCAL);
  EXPECT_TRUE(local.sent.empty());
  EXPECT_EQ(node_->put(frames::Bytes(9), now_).reason, TD_PASS_MALFORMED);
}

TEST_F(Replaying, TimeIsTheCaptures) {
  const IpAddress backend = destination(put(1, {.client = 1}).sent);
  put(1, {.client = 2});
  put(1, {.client = 2, .port = 1}, std::chrono::hours(2));  // half-open flows are forgotten by then
  put(1, {.client = 2, .port = 2}, std::chrono::seconds(2));
  const auto late = put(1, {.client = 1, .flags = TD_TCP_FIN | TD_TCP_ACK});
  EXPECT_EQ(late.reason, TD_TX_HASHED) << backend.to_string();
}

TEST(Replay, WithoutFramesMakesNothingUp) {
  const auto loaded = config::parse("[node]\nname = \"a\"\n");
  auto node = Replay::open(loaded.config, kStart);
  ASSERT_TRUE(node);
  EXPECT_EQ((*node)->put(frames::Bytes(60), kStart).reason, TD_PASS_OTHER);
}

}  // namespace
}  // namespace tandem::replay
