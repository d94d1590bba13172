// SPDX-License-Identifier: Apache-2.0
#include "daemon/tracking.hpp"

#include <gtest/gtest.h>

#include "parts.hpp"

namespace tandem::daemon {
namespace {

class Tracked : public testing::Test {
 protected:
  Tracked() { vrrp_.add(running_.plan); }

  void interface_is(bool up) {
    tracking_.look_at_interfaces([&](const std::string& interface) {
      EXPECT_EQ(interface, "eth0");
      return up;
    });
  }
  [[nodiscard]] vrrp::Failing failing() const { return tracking_.failing(router_); }

  boost::asio::io_context loop_;
  Running running_ = running(parsed(kNode));
  const speaker::PlannedRouter& router_ = running_.plan.routers[0];
  DirectVrrp vrrp_;
  observe::EventLog events_;
  Tracking tracking_{loop_, running_, vrrp_, events_};
};

TEST_F(Tracked, WhatNobodyReportedOnDoesNotFail) {
  EXPECT_EQ(failing(), (vrrp::Failing{false, false, false}));
  EXPECT_TRUE(tracking_.failing(running_.plan.routers[1]).empty()) << "it tracks nothing";
}

TEST_F(Tracked, AnInterfaceThatGoesDownFailsUntilItIsUpAgain) {
  interface_is(true);
  EXPECT_EQ(failing(), (vrrp::Failing{false, false, false}));
  interface_is(false);
  EXPECT_EQ(failing(), (vrrp::Failing{false, true, false}));
  interface_is(true);
  EXPECT_EQ(failing(), (vrrp::Failing{false, false, false}));
}

TEST(TrackedService, MovesTheRouterWhileItIsDown) {
  boost::asio::io_context loop;
  std::string text = kNode;
  const std::string track = R"({ interface = "eth0" })";
  text.replace(text.find(track), track.size(), R"({ service = "web", weight = -70 })");
  Running with_service = running(parsed(text));
  DirectVrrp vrrp;
  vrrp.add(with_service.plan);
  observe::EventLog events;
  Tracking tracking{loop, with_service, vrrp, events};
  const speaker::PlannedRouter& router = with_service.plan.routers[0];
  services::RunningServices services(1);
  services[0].number = 1;
  services[0].config.name = "web";
  tracking.look_at_services(services);
  EXPECT_EQ(tracking.failing(router), (vrrp::Failing{false, false, false}));
  services[0].up = false;
  tracking.look_at_services(services);
  EXPECT_EQ(tracking.failing(router), (vrrp::Failing{false, true, false}));
  EXPECT_EQ(vrrp.priority(router.id), 80);
  services[0].up = true;
  tracking.look_at_services(services);
  EXPECT_EQ(vrrp.priority(router.id), 150);
}

TEST_F(Tracked, ACheckThatFailsLowersThePriorityAndIsAnEvent) {
  ASSERT_EQ(vrrp_.priority(router_.id), 150);
  tracking_.apply();
  while (failing()[0] == false) ASSERT_GT(loop_.run_one_for(std::chrono::seconds(30)), 0U);
  EXPECT_EQ(vrrp_.priority(router_.id), 90);
  EXPECT_EQ(tracking_.checks().at(0).state, health::State::down);
  const auto event = events_.document(0, 10)["events"].at(0);
  EXPECT_EQ(event["check"], "nginx");
}

TEST_F(Tracked, NewFlowsThatAreLostLeaveTheLowestPriority) {
  tracking_.look_at_forwarding({{"eth0", "no sockets"}});
  EXPECT_EQ(failing(), (vrrp::Failing{false, false, true}));
  EXPECT_EQ(vrrp_.priority(router_.id), 1);
  tracking_.look_at_forwarding({});
  EXPECT_EQ(vrrp_.priority(router_.id), 150);
  EXPECT_EQ(events_.document(0, 10)["events"].size(), 2U);
}

TEST_F(Tracked, ACheckThatIsNoLongerConfiguredIsNotReported) {
  tracking_.apply();
  running_.plan.config.checks.clear();
  tracking_.apply();
  loop_.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(failing(), (vrrp::Failing{false, false, false}));
  EXPECT_TRUE(tracking_.checks().empty());
}

}  // namespace
}  // namespace tandem::daemon
