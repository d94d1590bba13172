// SPDX-License-Identifier: Apache-2.0
#include "observe/vrrp_document.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "observe/router_warnings.hpp"
#include "sample.hpp"

namespace tandem::observe {
namespace {

using nlohmann::json;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

RouterView active_router() {
  RouterView router;
  router.config.name = "VI_1";
  router.config.interface = "eth0";
  router.config.vrid = 51;
  router.config.advert_interval = milliseconds(10);
  router.config.addresses = {{*IpPrefix::parse("192.0.2.100/24"), "eth0:vip1", ""},
                             {*IpPrefix::parse("192.0.2.101"), "", "dummy0"}};
  router.config.track = {{"nginx", "", "", -20}};
  vrrp::Status& status = router.status;
  status.state = vrrp::State::active;
  status.cause = vrrp::Cause::down_timer;
  status.since = kNow.monotonic - milliseconds(92'500);
  status.transitions = 2;
  status.configured_priority = 150;
  status.effective_priority = 130;
  status.peer = *IpAddress::parse("192.0.2.3");
  status.peer_priority = 200;
  status.highest_peer_priority = 200;
  status.lowest_peer_priority = 90;
  status.peer_seen = kNow.monotonic - seconds(93);
  status.adverts_by_checksum = {56, 1};
  status.active_adver_interval = milliseconds(10);
  status.skew_time = microseconds(4141);
  status.active_down_interval = microseconds(34141);
  status.next_deadline = kNow.monotonic + microseconds(2500);
  status.lease_deadline = kNow.monotonic + milliseconds(25);
  status.adverts_sent = 9250;
  status.adverts_received = 57;
  status.address_mismatches = 1;
  status.interval_mismatches = 2;
  status.dropped[static_cast<std::size_t>(wire::AdvertDrop::ttl)] = 3;
  router.priority_explanation = "150 configured, -20 check nginx failing = 130";
  router.lowest_reachable = 130;
  return router;
}

json document_of(const RouterView& router) {
  return vrrp_document(std::span(&router, 1), kNow)["routers"][0];
}

TEST(VrrpDocument, HasEverythingOfARouter) {
  json document = document_of(active_router());
  const json dropped = document["dropped"];
  document.erase("dropped");
  EXPECT_EQ(document, json::parse(R"({
    "name": "VI_1", "interface": "eth0", "vrid": 51, "family": "IPv4", "version": 3,
    "state": "Active", "since": "2001-09-09T01:45:07.500Z", "for_seconds": 92.5,
    "cause": "no advert for Active_Down_Interval",
    "priority": {"configured": 150, "effective": 130, "lowest_reachable": 130,
                 "explanation": "150 configured, -20 check nginx failing = 130"},
    "peer": {"address": "192.0.2.3", "priority": 200, "lowest_priority": 90,
             "seen_seconds_ago": 93.0, "checksum": "pseudo-header"},
    "adverts": {"sent": 9250, "unsent": 0, "received": 57, "interval_ms": 10.0,
                "checksum_forms": {"pseudo-header": 56, "message": 1}},
    "timers": {"active_adver_interval_ms": 10.0, "skew_time_ms": 4.141,
               "active_down_interval_ms": 34.141, "next_deadline_ms": 2.5},
    "lease_ms": 25.0,
    "addresses": [{"address": "192.0.2.100/24", "label": "eth0:vip1", "device": "eth0"},
                  {"address": "192.0.2.101/32", "label": null, "device": "dummy0"}],
    "peer_over_sync": null, "held_back": false, "auth": null,
    "sync_group": null, "handed_over": false, "waits_for_flows": false, "waits_for_backends": false, "sockets": null, "handover": "never handed over",
    "stalls": 0, "longest_stall_ms": 0.0, "address_mismatches": 1, "interval_mismatches": 2,
    "transitions": 2, "warnings": []})"));
  EXPECT_EQ(dropped.size(), wire::kAdvertDrops - 1);  // all reasons, for scripts to rely on
  EXPECT_EQ(dropped[wire::to_string(wire::AdvertDrop::ttl)], 3);
  EXPECT_EQ(dropped[wire::to_string(wire::AdvertDrop::checksum)], 0);
}

TEST(VrrpDocument, OfARouterThatHasNotBegunHasNulls) {
  RouterView router;
  router.config.name = "VI_2";
  const json document = document_of(router);
  EXPECT_EQ(document["state"], "Initialize");
  EXPECT_TRUE(document["peer"].is_null());
  EXPECT_TRUE(document["lease_ms"].is_null());
  EXPECT_TRUE(document["timers"]["next_deadline_ms"].is_null());
  EXPECT_TRUE(document["priority"]["lowest_reachable"].is_null());
}

TEST(VrrpDocument, ShowsNoLeaseThatHasEndedAndNoDeadlineBelowZero) {
  RouterView router = active_router();
  router.status.lease_deadline = kNow.monotonic - milliseconds(1);
  router.status.next_deadline = kNow.monotonic - milliseconds(1);
  const json document = document_of(router);
  EXPECT_TRUE(document["lease_ms"].is_null());
  EXPECT_EQ(document["timers"]["next_deadline_ms"], 0.0);
}

TEST(VrrpDocument, OfNoRouterIsAnEmptyList) {
  EXPECT_EQ(vrrp_document({}, kNow), (json{{"routers", json::array()}}));
}

TEST(VrrpDocument, HasTheWarningsOfARouter) {
  RouterView router = active_router();
  router.warnings = {"one of another room"};
  router.status.send_error = EMSGSIZE;
  EXPECT_EQ(document_of(router)["warnings"], router_warnings(router, kNow));
  EXPECT_EQ(document_of(router)["warnings"].size(), 2);
}

}  // namespace
}  // namespace tandem::observe
