// SPDX-License-Identifier: Apache-2.0
#include "observe/status_document.hpp"

#include <gtest/gtest.h>

#include "sample.hpp"

namespace tandem::observe {
namespace {

using nlohmann::json;
using std::chrono::microseconds;
using std::chrono::seconds;

NodeView node() {
  NodeView node;
  node.name = "node-a";
  node.version = "1.2.3";
  node.engine = "xdp";
  node.config_file = "/etc/tandem/tandem.toml";
  node.started = kNow.monotonic - seconds(90);
  node.interfaces = {{"eth0.100", "eth0", 7, {100}, {{2, 0, 0, 0, 0, 1}}, "native", "alone", true},
                     {"eth1", "eth1", 8, {}, {{2, 0, 0, 0, 0, 2}}, "", "", false}};
  node.adverts.received = 60;
  node.adverts.dropped[static_cast<std::size_t>(wire::AdvertDrop::checksum)] = 4;
  node.adverts.ring_full = 1;
  node.packets[TD_PASS_OTHER] = 1000;
  node.packets[TD_DROP_NO_LEASE] = 5;
  node.losses = {{"AF_XDP", "ring_full", 3}};
  node.vrrp_thread.scheduler = "SCHED_RR 50";
  node.vrrp_thread.realtime = true;
  node.vrrp_thread.memory_locked = true;
  for (int i = 0; i < 100; ++i) node.vrrp_thread.lateness.record(microseconds(16));
  node.vrrp_thread.lateness.record(microseconds(500));
  node.checks = {{"nginx", "http", true, kNow.monotonic - seconds(30), "200 OK"},
                 {"db", "tcp", std::nullopt, {}, ""}};
  node.addresses_restored = 2;
  node.warnings = {"SCHED_RR was refused"};
  return node;
}

TEST(StatusDocument, HasEverythingOfTheNode) {
  json document = status_document(node(), kNow);
  document.erase("packets");
  document["adverts"].erase("dropped");
  EXPECT_EQ(document, json::parse(R"({
    "node": "node-a", "version": "1.2.3", "engine": "xdp",
    "config_file": "/etc/tandem/tandem.toml", "peer_http": null,
    "started": "2001-09-09T01:45:10.000Z", "uptime_seconds": 90.0,
    "interfaces": [
      {"name": "eth0.100", "device": "eth0", "ifindex": 7, "vlan": [100],
       "mac": "02:00:00:00:00:01", "xdp_mode": "native", "xdp_way": "alone", "up": true},
      {"name": "eth1", "device": "eth1", "ifindex": 8, "vlan": [],
       "mac": "02:00:00:00:00:02", "xdp_mode": null, "xdp_way": null, "up": false}],
    "adverts": {"received": 60, "ring_full": 1},
    "losses": [{"place": "AF_XDP", "reason": "ring_full", "count": 3}],
    "vrrp_thread": {"scheduler": "SCHED_RR 50", "realtime": true, "memory_locked": true, "stalls": {},
      "lateness": {"count": 101, "p50_us": 17, "p99_us": 17, "p99.9_us": 500, "max_us": 500}},
    "control_thread": {"stalls": 0, "longest_stall_ms": 0.0},
    "checks": [
      {"name": "nginx", "kind": "http", "up": true, "since": "2001-09-09T01:46:10.000Z",
       "for_seconds": 30.0, "last_result": "200 OK"},
      {"name": "db", "kind": "tcp", "up": null, "since": null, "for_seconds": null,
       "last_result": ""}],
    "unserved": [], "addresses_restored": 2, "warnings": ["SCHED_RR was refused"]})"));
}

TEST(StatusDocument, ListsEveryReasonByItsName) {
  const json document = status_document(node(), kNow);
  EXPECT_EQ(document["packets"].size(), std::size_t{TD_REASON_COUNT});
  EXPECT_EQ(document["packets"]["pass/other"], 1000);
  EXPECT_EQ(document["packets"]["drop/no-lease"], 5);
  EXPECT_EQ(document["packets"]["drop/rewrite-failed"], 0);
  EXPECT_EQ(document["adverts"]["dropped"].size(), wire::kAdvertDrops - 1);
  EXPECT_EQ(document["adverts"]["dropped"]["checksum"], 4);
}

}  // namespace
}  // namespace tandem::observe
