// SPDX-License-Identifier: Apache-2.0
#include "daemon/sync_gate.hpp"

#include <gtest/gtest.h>

#include <string>

#include "parts.hpp"

namespace tandem::daemon {
namespace {

using config::WithoutSync;
using observe::SyncState;

// Counts what the VRRP thread is told.
class Told : public speaker::VrrpCommands {
 public:
  void post(Run, Finished) override { count++; }
  int count = 0;
};

class SyncGateTest : public testing::Test {
 protected:
  SyncGateTest() {
    sync_.connected = sync_.sockets_known = true;
    sync_.services = {{"web", false, SyncState::in_sync}, {"dns", false, SyncState::in_sync}};
    running_.plan.routers[0].synced_services = {"web", "dns"};
  }
  [[nodiscard]] const speaker::PlannedRouter& router() const { return running_.plan.routers[0]; }

  // How many routers are told anything.
  int tell() {
    const int before = told_.count;
    gate_.check();
    return told_.count - before;
  }
  void expect(const std::string& missing) {
    EXPECT_EQ(SyncGate::missing(router(), running_.plan.config, sync_), missing);
  }

  boost::asio::io_context loop_;
  Running running_ = running(parsed(std::string(kNode) + R"(
[sync]
listen = "198.51.100.2:9106"
peer = "198.51.100.3:9106"
)"));
  observe::SyncView sync_;
  Told told_;
  SyncGate gate_{loop_, running_, told_, [this] { return sync_; }};
};

TEST_F(SyncGateTest, TellsChangesOnly) {
  EXPECT_EQ(tell(), 2);
  EXPECT_EQ(tell(), 0);
  sync_.services[1].state = SyncState::repairing;
  EXPECT_EQ(tell(), 1);
  expect("service 'dns': repairing");
  EXPECT_EQ(tell(), 0);
  sync_.services[1].state = SyncState::in_sync;
  EXPECT_EQ(tell(), 1);
  expect("");
  gate_.tell_anew();
  EXPECT_EQ(tell(), 2);
}

// VI_2 has nothing but a service of the node's own.
TEST_F(SyncGateTest, WaitsForThePeersSockets) {
  const auto& config = running_.plan.config;
  const auto& own = running_.plan.routers[1];
  EXPECT_TRUE(own.settings.waits_for_flows);
  EXPECT_EQ(SyncGate::missing(own, config, sync_), "");
  sync_.sockets_known = false;
  EXPECT_EQ(SyncGate::missing(own, config, sync_),
            "the other node has not told of connections to its own services");
  expect("");  // has no such service
  running_.plan.config.sync->drain_timeout = {};
  EXPECT_EQ(SyncGate::missing(own, config, sync_), "");
}

TEST_F(SyncGateTest, TellsWhatTheOtherNodeLacksOfWhatIsDecidedHere) {
  sync_.services[0].state = sync_.services[1].state = SyncState::checking;
  EXPECT_EQ(SyncGate::missing_there(router(), sync_), "");
  sync_.services[1].owner = true;
  EXPECT_EQ(SyncGate::missing_there(router(), sync_), "service 'dns': checking");
  EXPECT_EQ(SyncGate::missing_there(running_.plan.routers[1], sync_), "");
}

// The sums that this node's own flows had proved there say nothing of what the other one decides.
TEST_F(SyncGateTest, IsClosedWhereThisNodeDecides) {
  sync_.services[0].owner = true;
  expect("service 'web': in sync");
}

TEST_F(SyncGateTest, StaysClosedForAServiceThatTheOtherNodeHasNot) {
  sync_.services[0].state = SyncState::not_configured_there;
  expect("service 'web': not configured on the other node");
  sync_.services.clear();
  expect("service 'web': not known yet");
}

TEST_F(SyncGateTest, WithoutASessionTheConfigurationDecides) {
  sync_.connected = false;
  for (auto& service : sync_.services) service.state = SyncState::not_connected;
  sync_.sockets_known = false;
  EXPECT_EQ(tell(), 2);  // no
  running_.plan.config.sync->without = WithoutSync::preempt;
  EXPECT_EQ(tell(), 2);    // yes
  sync_.connected = true;  // connected, and not in step: no reason to hurry
  EXPECT_EQ(tell(), 2);    // no
}

TEST_F(SyncGateTest, AnOperatorWhoForcesItOpensItUntilItIsActive) {
  sync_.services[0].state = SyncState::checking;
  EXPECT_EQ(tell(), 2);
  gate_.force(router().id);
  EXPECT_EQ(tell(), 1);
  EXPECT_EQ(tell(), 0);
  gate_.arrived(router().id);
  EXPECT_EQ(tell(), 1);
  gate_.force(router().id);
  EXPECT_EQ(tell(), 1);
  sync_.services[0].owner = true;
  EXPECT_EQ(tell(), 1);
}

}  // namespace
}  // namespace tandem::daemon
