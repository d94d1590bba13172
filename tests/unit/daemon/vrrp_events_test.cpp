// SPDX-License-Identifier: Apache-2.0
#include "daemon/vrrp_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "parts.hpp"

namespace tandem::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Events : public testing::Test {
 protected:
  explicit Events(const std::string& notify = "")
      : running_(running(parsed(std::string(kNode) + notify))) {
    interfaces_.resize(1);
    interfaces_[0].config = running_.plan.config.interfaces[0];
    interfaces_[0].number = 0;
  }

  void happens(decltype(speaker::VrrpEvent::what) what) {
    events_of_vrrp_.on({MonotonicClock::now(), std::move(what)});
  }
  nlohmann::json logged() { return log_.document(0, 100)["events"]; }
  [[nodiscard]] vrrp::Transition to(vrrp::State state) const {
    return {.router = first_,
            .from = vrrp::State::backup,
            .to = state,
            .cause = vrrp::Cause::down_timer,
            .peer = {},
            .peer_priority = 0};
  }

  boost::asio::io_context loop_;
  Running running_;
  vrrp::RouterId first_ = running_.plan.routers[0].id;
  DirectVrrp vrrp_;
  observe::EventLog log_;
  std::vector<speaker::InterfaceState> interfaces_;
  Tracking tracking_{loop_, running_, vrrp_, log_};
  std::vector<std::string> done_;
  VrrpEvents events_of_vrrp_{
      loop_,
      running_,
      tracking_,
      interfaces_,
      log_,
      {[this](const speaker::PlannedRouter& r) { done_.push_back("install " + r.config.name); },
       [this](const speaker::PlannedRouter& r) { done_.push_back("remove " + r.config.name); },
       [this] { done_.emplace_back("transition"); }, [this] { done_.emplace_back("idle"); },
       [](MonotonicTime, Duration) { return "it waited for a lock"; }}};
};

TEST_F(Events, AddressesGoOntoTheKernelsInterfacesAndOff) {
  happens(vrrp::InstallAddresses{first_});
  happens(vrrp::RemoveAddresses{first_});
  EXPECT_THAT(done_, ElementsAre("install VI_1", "remove VI_1"));
  EXPECT_TRUE(logged().empty());
}

TEST_F(Events, ATransitionIsLoggedAndTold) {
  happens(to(vrrp::State::active));
  EXPECT_THAT(done_, ElementsAre("transition"));
  ASSERT_EQ(logged().size(), 1U);
  EXPECT_EQ(logged()[0]["router"], "VI_1");
  EXPECT_EQ(logged()[0]["to"], "Active");
}

TEST_F(Events, WhatComesLateOfARouterThatIsGoneIsIgnored) {
  running_.plan.routers.clear();
  happens(to(vrrp::State::active));
  happens(vrrp::InstallAddresses{first_});
  happens(vrrp::RemoveAddresses{first_});
  EXPECT_THAT(done_, IsEmpty());
  EXPECT_TRUE(logged().empty());
}

TEST_F(Events, ADroppedAdvertNamesItsInterface) {
  happens(speaker::DroppedAdvert{0, *IpAddress::parse("192.0.2.9"), 51, wire::AdvertDrop::ttl});
  happens(speaker::DroppedAdvert{7, {}, 0, wire::AdvertDrop::truncated});
  ASSERT_EQ(logged().size(), 2U);
  EXPECT_EQ(logged()[0]["interface"], "eth0");
  EXPECT_EQ(logged()[1]["interface"], "?") << "it has gone meanwhile";
}

TEST_F(Events, TheEndIsTold) {
  happens(speaker::AllIdle{});
  EXPECT_THAT(done_, ElementsAre("idle"));
}

class NotifyingEvents : public Events {
 protected:
  NotifyingEvents()
      : Events(R"([[vrrp]]
name = "VI_3"
interface = "eth0"
vrid = 53
addresses = ["192.0.2.103/24"]
notify = { active = ["/bin/true"], fault = ["/bin/false"] }
)") {
    first_ = running_.plan.routers[2].id;
  }
  void wait() {
    events_of_vrrp_.when_notified([this] { loop_.stop(); });
    loop_.restart();
    loop_.run_for(std::chrono::seconds(30));
  }
};

TEST_F(NotifyingEvents, ATransitionRunsTheCommandOfItsStateAndLogsTheOutcome) {
  happens(to(vrrp::State::active));
  wait();
  ASSERT_EQ(logged().size(), 2U);
  EXPECT_EQ(logged()[1]["state"], "Active");
  EXPECT_EQ(logged()[1]["good"], true);
  happens(to(vrrp::State::fault));
  wait();
  ASSERT_EQ(logged().size(), 4U);
  EXPECT_EQ(logged()[3]["good"], false);
}

TEST_F(NotifyingEvents, WithoutACommandNothingRuns) {
  happens(to(vrrp::State::backup));
  happens(to(vrrp::State::initialize));
  wait();
  EXPECT_EQ(logged().size(), 2U) << "the transitions alone";
}

TEST_F(Events, AStallIsToldWithItsCause) {
  happens(vrrp::Notice{first_, vrrp::Matter::stalled, 320});
  ASSERT_EQ(logged().size(), 1U);
  EXPECT_TRUE(logged()[0]["text"].get<std::string>().ends_with(
      "for 320 ms when an advert was due or to be heard: it waited for a lock"))
      << logged()[0];
}

}  // namespace
}  // namespace tandem::daemon
