// SPDX-License-Identifier: Apache-2.0
#include "observe/router_warnings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "sample.hpp"

namespace tandem::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A Backup at 100 that hears its Active each second.
RouterView healthy() {
  RouterView router;
  router.config.name = "VI_1";
  router.config.interface = "eth0";
  router.config.vrid = 51;
  vrrp::Status& status = router.status;
  status.state = vrrp::State::backup;
  status.since = kNow.monotonic - seconds(60);
  status.configured_priority = status.effective_priority = 100;
  status.peer = ip("192.0.2.3");
  status.peer_priority = status.highest_peer_priority = 150;
  status.peer_seen = kNow.monotonic - milliseconds(300);
  status.active_adver_interval = seconds(1);
  status.active_down_interval = milliseconds(3600);
  return router;
}

// The one warning of a router; "" if it has none.
std::string warning_of(const RouterView& router) {
  const auto warnings = router_warnings(router, kNow);
  EXPECT_LE(warnings.size(), 1U);
  return warnings.empty() ? "" : warnings.front();
}

void expect_about(const RouterView& router, const char* words) {
  const auto warning = warning_of(router);
  EXPECT_NE(warning.find(words), std::string::npos) << warning;
}

TEST(RouterWarnings, AreNoneWhereAllIsWell) {
  EXPECT_EQ(warning_of(healthy()), "");
  EXPECT_EQ(warning_of(RouterView()), "");
}

TEST(RouterWarnings, HaveThoseOfOtherRooms) {
  RouterView router = healthy();
  router.warnings = {"one of another room"};
  EXPECT_EQ(warning_of(router), "one of another room");
}

TEST(RouterWarnings, TellOfAdvertsThatDoNotLeave) {
  RouterView router = healthy();
  router.status.send_error = EMSGSIZE;
  expect_about(router, "raise the interface's MTU");
}

TEST(RouterWarnings, TellOfOtherAddressesAndOfAVridThatIsTaken) {
  RouterView router = healthy();
  router.status.addresses_differ = true;
  expect_about(router, "the last advert of peer 192.0.2.3 names other addresses");
  expect_about(router, "VRID 51 is taken here");
}

TEST(RouterWarnings, TellOfAnIntervalThatIsNotLearned) {
  RouterView router = healthy();
  router.status.unlearned_interval = milliseconds(40950);
  router.status.active_adver_interval = seconds(4);
  expect_about(router,
               "peer 192.0.2.3 announces an advert interval of 40 s, more than "
               "max_learned_interval (4000 ms)");
}

TEST(RouterWarnings, TellOfAFaultAndItsCause) {
  RouterView router = healthy();
  router.status.state = vrrp::State::fault;
  router.status.cause = vrrp::Cause::interface_down;
  expect_about(router, "is in Fault for 60 s: ");
  expect_about(router, vrrp::to_string(vrrp::Cause::interface_down));
}

// ---- Two Active
RouterView beside_another(std::uint32_t adverts) {
  RouterView router = healthy();
  router.status.state = vrrp::State::active;
  router.status.peer_priority = router.status.highest_peer_priority = 50;
  router.status.rivals_heard = adverts;
  return router;
}

TEST(TwoActive, AreToldWhenTheOtherDoesNotGiveWay) {
  expect_about(beside_another(5),
               "two nodes are Active: 192.0.2.3 (priority 50) advertises beside");
}

TEST(TwoActive, AreNoneAfterAnAdvertOrTwo) {
  EXPECT_EQ(warning_of(beside_another(2)), "");
}

TEST(TwoActive, AreNotToldByOneThatYielded) {
  RouterView router = beside_another(20);
  router.status.state = vrrp::State::backup;
  EXPECT_EQ(warning_of(router), "");
}

// ---- Priorities
TEST(EqualPriorities, AreToldWhileThePeerIsHeard) {
  RouterView router = healthy();
  router.status.peer_priority = router.status.highest_peer_priority = 100;
  expect_about(router, "peer 192.0.2.3 has the same priority, 100");
  router.status.peer_seen = kNow.monotonic - seconds(11);
  EXPECT_EQ(warning_of(router), "");
}

TEST(AdvertsLost, IsWarnedOfWhileATakeoverIsHeldBack) {
  RouterView router = healthy();
  router.status.held_back = true;
  expect_about(router, "adverts are lost on the front network");
}

// An Active whose peer says over the sync link that it is one, too.
RouterView second_active() {
  RouterView router = healthy();
  router.status.state = vrrp::State::active;
  router.status.peer_role = {{vrrp::State::active, 150, true}, kNow.monotonic - milliseconds(100)};
  return router;
}

TEST(AdvertsLost, IsWarnedOfWhereBothAreActive) {
  expect_about(second_active(), "two nodes are Active: the peer says over the sync link");
}

TEST(AdvertsLost, IsNotWhereTheAddressesAreJustMoving) {
  RouterView router = second_active();
  router.status.since = kNow.monotonic - milliseconds(500);
  EXPECT_EQ(warning_of(router), "");
  router = second_active();
  router.status.peer_role->role.priority = 0;
  EXPECT_EQ(warning_of(router), "");
}

TEST(AdvertsLost, IsNotWhereThePeerHasSaidNothingLately) {
  RouterView router = second_active();
  router.status.peer_role->as_of = kNow.monotonic - seconds(4);
  EXPECT_EQ(warning_of(router), "");
}

TEST(EqualPriorities, AreNoneIfAFailingCheckMadeThem) {
  RouterView router = healthy();
  router.status.peer_priority = 100;  // it has said 150
  EXPECT_EQ(warning_of(router), "");
}

// The trap: 150 against 100 with a check of weight -20.
RouterView trapped() {
  RouterView router = healthy();
  router.config.track = {{"nginx", "", "", -20}};
  router.status.state = vrrp::State::active;
  router.status.configured_priority = router.status.effective_priority = 150;
  router.status.peer_priority = router.status.highest_peer_priority = 100;
  router.lowest_reachable = 130;
  return router;
}

TEST(StuckPriority, IsWarnedOfWithTheFigures) {
  RouterView router = trapped();
  router.status.peer_seen = kNow.monotonic - seconds(9);
  EXPECT_EQ(warning_of(router),
            "no combination of failing checks moves the addresses: the priority never gets below "
            "130, and the peer's is 100 (heard 9000 ms ago); let the weights take away 31 more, or "
            "track a check without weight, so that its failing means Fault");
}

TEST(StuckPriority, BeginsWhereThePrioritiesAreEqual) {
  RouterView router = trapped();
  router.status.peer_priority = 131;
  EXPECT_EQ(warning_of(router), "");
  router.status.peer_priority = 130;
  EXPECT_NE(warning_of(router), "");
}

TEST(StuckPriority, IsNoWarningAnyMoreOnceThePeerMayHaveRecovered) {
  RouterView router = trapped();
  router.status.highest_peer_priority = 140;  // 100 while its check failed
  EXPECT_NE(warning_of(router), "");
  router.status.peer_seen = kNow.monotonic - seconds(11);
  EXPECT_EQ(warning_of(router), "");
}

TEST(StuckPriority, StaysWhereThePeerNeverHadMore) {
  RouterView router = trapped();
  router.status.peer_seen = kNow.monotonic - minutes(1);
  expect_about(router, "the peer's is 100 (heard 60 s ago)");
}

TEST(StuckPriority, LooksAtWhatAPeerSaidBeforeItResigned) {
  RouterView router = trapped();
  router.status.peer_priority = 0;
  expect_about(router, "the peer's is 100");
}

TEST(StuckPriority, IsNoQuestionWithoutAPeerOrChecksOrWithAFault) {
  RouterView alone = trapped();
  alone.status.peer = {};
  EXPECT_EQ(warning_of(alone), "");
  RouterView untracked = trapped();
  untracked.config.track.clear();
  EXPECT_EQ(warning_of(untracked), "");
  RouterView faults = trapped();
  faults.lowest_reachable.reset();
  EXPECT_EQ(warning_of(faults), "");
}

TEST(StuckPriority, AdvisesAnAddressOwnerOtherwise) {
  RouterView router = trapped();
  router.lowest_reachable = 255;
  expect_about(router, "do not move an address owner");
}

// ---- Handed over
TEST(HandedOver, IsRememberedWhenItMayBeForgotten) {
  RouterView router = healthy();
  router.status.handed_over = true;
  EXPECT_EQ(warning_of(router), "");
  router.status.since = kNow.monotonic - minutes(11);
  expect_about(router, "`tandemctl failover VI_1 --back` takes it back");
}

// ---- Dropped adverts
TEST(DroppedAdverts, AreToldWithTheirSenderAndWhatToDo) {
  RouterView router = healthy();
  router.status.count_drop(wire::AdvertDrop::authentication, ip("192.0.2.66"), kNow.monotonic);
  EXPECT_EQ(warning_of(router),
            "adverts of 192.0.2.66 are dropped (authentication, 1 so far); give both nodes the "
            "same password, or look for who forges adverts");
}

TEST(DroppedAdverts, AreEachAWarningUntilNoneComeAnyMore) {
  RouterView router = healthy();
  for (const auto reason : {wire::AdvertDrop::own, wire::AdvertDrop::not_a_peer,
                            wire::AdvertDrop::version, wire::AdvertDrop::interval_mismatch})
    router.status.count_drop(reason, ip("192.0.2.66"), kNow.monotonic - seconds(9));
  EXPECT_EQ(router_warnings(router, kNow).size(), 4U);
  const Now later{kNow.monotonic + seconds(2), kNow.wall};
  EXPECT_EQ(router_warnings(router, later), std::vector<std::string>());
}

}  // namespace
}  // namespace tandem::observe
