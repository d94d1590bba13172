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
    sync_.connected = true;
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
    EXPECT_EQ(SyncGate::missing(router(), sync_), missing);
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
  EXPECT_EQ(tell(), 1);
  EXPECT_EQ(tell(), 0);
  sync_.services[1].state = SyncState::repairing;
  EXPECT_EQ(tell(), 1);
  expect("service 'dns': repairing");
  EXPECT_EQ(tell(), 0);
  sync_.services[1].state = SyncState::in_sync;
  EXPECT_EQ(tell(), 1);
  expect("");
  gate_.tell_anew();
  EXPECT_EQ(tell(), 1);
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
  EXPECT_EQ(tell(), 1);  // no
  running_.plan.config.sync->without = WithoutSync::preempt;
  EXPECT_EQ(tell(), 1);    // yes
  sync_.connected = true;  // connected, and not in step: no reason to hurry
  EXPECT_EQ(tell(), 1);    // no
}

TEST_F(SyncGateTest, AnOperatorWhoForcesItOpensItUntilItIsActive) {
  sync_.services[0].state = SyncState::checking;
  EXPECT_EQ(tell(), 1);
  gate_.force(router().id);
  EXPECT_EQ(tell(), 1);
  EXPECT_EQ(tell(), 0);
  sync_.services[0].owner = true;
  EXPECT_EQ(tell(), 1);
}

}  // namespace
}  // namespace tandem::daemon
