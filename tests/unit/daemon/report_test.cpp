// SPDX-License-Identifier: Apache-2.0
// What a node tells of itself, from parts that are given.
#include "daemon/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node_report.hpp"

namespace tandem::daemon {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

class Reporting : public ReportFixture {};

// ---- The node

TEST_F(Reporting, TheNodeTellsWhatRuns) {
  reloads_.applied = 2;
  const auto node = report_.node(snapshot());
  EXPECT_EQ(node.name, "node-a");
  EXPECT_EQ(node.config_file, "/etc/tandem/tandem.toml");
  ASSERT_EQ(node.interfaces.size(), 1U);
  EXPECT_EQ(node.interfaces[0].name, "eth0");
  EXPECT_EQ(node.vrrp_thread.scheduler, "SCHED_RR 50");
  EXPECT_EQ(node.addresses_restored, 3U);
  EXPECT_EQ(node.reloads.applied, 2U);
  EXPECT_THAT(node.warnings, IsEmpty());
}

TEST_F(Reporting, WhatTheNodeKnowsToBeWrongIsAWarning) {
  plane_.sentences = {"worker 1 stands still"};
  plane_.counts.losses = {{"AF_XDP", "ring_full", "frames were lost on eth0", 5},
                          {"AF_XDP", "malformed", "frames were malformed", 0}};
  troubles_ = {"eth0 is in generic mode"};
  const auto node = report_.node(snapshot());
  EXPECT_THAT(node.warnings, ElementsAre("eth0 is in generic mode", "worker 1 stands still",
                                         "5 frames were lost on eth0"));
  EXPECT_EQ(node.losses.size(), 2U) << "those of count 0 are told too";
}

TEST(Growing, IsACounterThatGrewLately) {
  Growing growing;
  MonotonicTime now{std::chrono::hours(1)};
  EXPECT_FALSE(growing.look("lost", 0, now));
  EXPECT_TRUE(growing.look("lost", 1, now += Growing::kLately));
  EXPECT_TRUE(growing.look("lost", 1, now += Growing::kLately / 2));
  EXPECT_FALSE(growing.look("other", 0, now));
  EXPECT_FALSE(growing.look("lost", 1, now += Growing::kLately / 2));
  EXPECT_TRUE(growing.look("lost", 2, now += std::chrono::hours(1)));
  EXPECT_FALSE(growing.look("lost", 2, now += Growing::kLately));
}

TEST_F(Reporting, NewFlowsThatAreLostAreToldEverywhere) {
  EXPECT_THAT(services_report_.services("web").services[0].note, Not(HasSubstr("not served")));
  plane_.without_sockets = {{"eth0", "RLIMIT_MEMLOCK"}};
  tracking_.look_at_forwarding(plane_.unserved());
  tracking_.look_at_forwarding(plane_.unserved());  // no news
  const auto node = report_.node(snapshot());
  EXPECT_THAT(node.unserved, ElementsAre("eth0"));
  EXPECT_THAT(node.warnings, Contains(AllOf(HasSubstr("eth0"), HasSubstr("RLIMIT_MEMLOCK"))));
  EXPECT_THAT(services_report_.services("web").services[0].note, HasSubstr("not served"));
  EXPECT_EQ(events_.document(0, 10)["events"].size(), 1U);
  const auto routers = report_.routers(snapshot(), "");
  EXPECT_THAT(routers[0].priority_explanation, HasSubstr("forwarding failing = 1"));
  EXPECT_EQ(routers[0].status.effective_priority, 1);
  plane_.without_sockets.clear();
  tracking_.look_at_forwarding(plane_.unserved());
  EXPECT_EQ(report_.routers(snapshot(), "")[0].status.effective_priority, 150);
  EXPECT_EQ(events_.document(0, 10)["events"].size(), 2U);
}

TEST_F(Reporting, WhatIsWrongWithPartsIsAWarning) {
  part_troubles_ = {"fullnat: too few ports"};
  EXPECT_THAT(report_.node(snapshot()).warnings, ElementsAre("fullnat: too few ports"));
}

TEST_F(Reporting, WhatIsWrongWithAVirtualRouterIsAWarningOfTheNode) {
  peer_troubles_ = {"no way to a peer"};
  EXPECT_THAT(report_.node(snapshot()).warnings,
              ElementsAre("VI_1: no way to a peer", "VI_2: no way to a peer"));
}

TEST_F(Reporting, ARefusedReloadIsAWarningUntilOneIsGood) {
  reloads_ = {.refused = 1, .last_good = false, .refusal = "tandem.toml:3: vrid: 300"};
  EXPECT_THAT(report_.node(snapshot()).warnings,
              ElementsAre(HasSubstr("the last reload was refused")));
  reloads_.last_good = true;
  EXPECT_THAT(report_.node(snapshot()).warnings, IsEmpty());
}

TEST_F(Reporting, ModesOfXdpAreNoTroubleOfTheDpdkEngine) {
  running_.plan.config.node.engine = "dpdk";
  troubles_ = {"eth0 is in generic mode"};
  EXPECT_THAT(report_.node(snapshot()).warnings, IsEmpty());
}

// ---- Virtual routers

TEST_F(Reporting, ARouterTellsItsPriorityAndWhatFails) {
  tracking_.look_at_interfaces([](const std::string&) { return false; });
  peer_troubles_ = {"no way to a peer"};
  const auto routers = report_.routers(snapshot(), "");
  ASSERT_EQ(routers.size(), 2U);
  EXPECT_EQ(routers[0].config.name, "VI_1");
  EXPECT_THAT(routers[0].priority_explanation, HasSubstr("interface eth0"));
  EXPECT_THAT(routers[0].warnings, Contains("no way to a peer"));
  EXPECT_EQ(routers[1].config.name, "VI_2");
}

TEST_F(Reporting, ARouterIsFoundByName) {
  const auto routers = report_.routers(snapshot(), "VI_2");
  ASSERT_EQ(routers.size(), 1U);
  EXPECT_EQ(routers[0].config.name, "VI_2");
}

TEST_F(Reporting, ARouterThatWentSinceTheSnapshotIsLeftOut) {
  const auto taken = snapshot();
  running_.plan.routers.erase(running_.plan.routers.begin());
  const auto routers = report_.routers(taken, "");
  ASSERT_EQ(routers.size(), 1U);
  EXPECT_EQ(routers[0].config.name, "VI_2");
}

// ---- Services

TEST_F(Reporting, AServiceSumsUpItsBackends) {
  services_[0].backends[1].state = balance::State::down;
  const auto view = services_report_.services("web");
  ASSERT_EQ(view.services.size(), 1U);
  EXPECT_EQ(view.services[0].backends_up, 1U);
  EXPECT_EQ(view.services[0].backends_down, 1U);
  EXPECT_TRUE(view.services[0].note.empty());
  EXPECT_TRUE(view.tables.has_value());
  EXPECT_EQ(services_report_.services(std::nullopt).services.size(), 2U);
}

TEST_F(Reporting, AServiceWhoseBackendsAreDownSaysSo) {
  for (auto& backend : services_[0].backends) backend.state = balance::State::down;
  EXPECT_THAT(services_report_.services("web").services[0].note, HasSubstr("no backend is up"));
}

TEST_F(Reporting, AServiceHasTheLeaseOfItsVirtualRouter) {
  const auto far = to_ns(MonotonicClock::now() + std::chrono::hours(1));
  EXPECT_FALSE(services_report_.services("web").services[0].lease);
  plane_.tables().vrouter[running_.plan.routers[0].id].lease_ns = far;
  EXPECT_TRUE(services_report_.services("web").services[0].lease);
  EXPECT_FALSE(services_report_.services("local").services[0].lease) << "of the other router";
}

TEST_F(Reporting, WithoutAForwarderThatMovesThereAreNoTables) {
  plane_.stands_still = true;
  EXPECT_FALSE(services_report_.services(std::nullopt).tables.has_value());
  control::ExplainRequest request;
  request.source = ip("198.51.100.1");
  request.destination = ip("192.0.2.100");
  const auto view = services_report_.explain(request);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().message, kStandsStill);
}

TEST_F(Reporting, BackendsAreFoundByServiceAndEndpoint) {
  EXPECT_EQ(services_report_.backends(std::nullopt, std::nullopt).size(), 2U);
  const control::Endpoint second{ip("203.0.113.2"), std::nullopt};
  const auto found = services_report_.backends("web", second);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].address, second.address);
  EXPECT_TRUE(services_report_.find("web", second));
  EXPECT_TRUE(services_report_.find(std::nullopt, std::nullopt));
}

TEST_F(Reporting, WhatIsNotThereIsNamed) {
  const auto no_service = services_report_.find("mail", std::nullopt);
  ASSERT_FALSE(no_service);
  EXPECT_EQ(no_service.error().message, "there is no service 'mail' with backends; there are web");
  const auto local = services_report_.find("local", std::nullopt);
  EXPECT_FALSE(local) << "it has no backends";
  const auto no_backend = services_report_.find("web", control::Endpoint{ip("203.0.113.2"), 9});
  ASSERT_FALSE(no_backend);
  EXPECT_EQ(no_backend.error().message, "service 'web' has no backend 203.0.113.2:9");
}

TEST_F(Reporting, TheOverviewHasAllOfIt) {
  events_.add(observe::NoticeEvent{"reloaded"});
  const auto seen = report_.overview(snapshot());
  EXPECT_EQ(seen.node.name, "node-a");
  EXPECT_EQ(seen.routers.size(), 2U);
  EXPECT_EQ(seen.services.services.size(), 2U);
  EXPECT_EQ(seen.backends.size(), 2U);
  EXPECT_EQ(seen.http.requests, 7U);
  EXPECT_FALSE(seen.nginx.has_value());
  EXPECT_EQ(seen.events["events"].size(), 1U);
}

}  // namespace
}  // namespace tandem::daemon
