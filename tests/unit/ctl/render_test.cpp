// SPDX-License-Identifier: Apache-2.0
#include "ctl/render.hpp"

#include <gtest/gtest.h>

#include "ctl/table.hpp"

namespace tandem::ctl {
namespace {

using nlohmann::json;

const Style kPlain(false);

const json kRouter = json::parse(R"({
  "name": "VI_1", "interface": "eth0", "vrid": 51, "family": "IPv4", "version": 3,
  "state": "Active", "since": "2001-09-09T01:45:07.500Z", "for_seconds": 192.5,
  "cause": "no advert for Active_Down_Interval",
  "priority": {"configured": 150, "effective": 130, "lowest_reachable": 130,
               "explanation": "150 configured, -20 check nginx failing = 130"},
  "peer": {"address": "192.0.2.3", "priority": 100, "lowest_priority": 90,
           "seen_seconds_ago": 93.0, "checksum": "pseudo-header"},
  "adverts": {"sent": 9250, "received": 57, "interval_ms": 10.0,
              "checksum_forms": {"pseudo-header": 56, "message": 1}},
  "timers": {"active_adver_interval_ms": 10.0, "skew_time_ms": 4.141,
             "active_down_interval_ms": 34.141, "next_deadline_ms": 2.5},
  "lease_ms": 25.0,
  "addresses": [{"address": "192.0.2.100/24", "label": "eth0:vip1", "device": "eth0"},
                {"address": "192.0.2.101/32", "label": null, "device": "dummy0"}],
  "sync_group": "gateway", "handed_over": false, "waits_for_flows": false, "waits_for_backends": false, "sockets": null, "dropped": {"checksum": 0, "ttl": 3, "type": 1},
  "address_mismatches": 1, "interval_mismatches": 0, "transitions": 2,
  "warnings": ["the addresses never move"]})");

json backup_router() {
  json router = kRouter;
  router.update(json::parse(R"({
    "name": "VI_long_name", "state": "Backup", "peer": null, "lease_ms": null, "sync_group": null,
    "handed_over": true, "waits_for_flows": false, "waits_for_backends": false, "sockets": null, "address_mismatches": 0, "warnings": [], "dropped": {"ttl": 0}})"));
  router["priority"]["explanation"] = "";
  router["timers"]["next_deadline_ms"] = nullptr;
  router["adverts"]["received"] = 0;
  return router;
}

const json kStatusDocument = {
    {"node", "node-a"},
    {"version", "1.2.3"},
    {"engine", "xdp"},
    {"config_file", "/etc/tandem/tandem.toml"},
    {"uptime_seconds", 190000.0},
    {"warnings", {"SCHED_RR was refused", "VI_1: the addresses never move"}},
    {"routers", {kRouter, backup_router()}},
    {"interfaces", json::parse(R"([
      {"name": "eth0.100", "device": "eth0", "ifindex": 7, "vlan": [100],
       "mac": "02:00:00:00:00:01", "xdp_mode": "native", "xdp_way": "dispatcher", "up": true},
      {"name": "eth1", "device": "eth1", "ifindex": 8, "vlan": [],
       "mac": "02:00:00:00:00:02", "xdp_mode": null, "xdp_way": null, "up": false}])")},
    {"checks", json::parse(R"([
      {"name": "nginx", "kind": "http", "up": true, "since": "", "for_seconds": 30.0,
       "last_result": "200 OK"},
      {"name": "db", "kind": "tcp", "up": null, "since": null, "for_seconds": null,
       "last_result": ""}])")},
    {"adverts", {{"received", 60}, {"dropped", {{"ttl", 3}, {"type", 0}}}, {"ring_full", 1}}},
    {"packets", {{"pass/other", 1000}, {"drop/no-lease", 5}, {"tx/na", 0}}},
    {"vrrp_thread", json::parse(R"({"scheduler": "SCHED_RR 50", "realtime": true,
      "memory_locked": true, "stalls": {"steal": 2, "busy": 0}, "lateness":
      {"count": 101, "p50_us": 17, "p99_us": 31, "p99.9_us": 500, "max_us": 1500}})")},
    {"addresses_restored", 2}};

TEST(RenderVrrp, ShowsEachRouterInFull) {
  EXPECT_EQ(
      render_vrrp({{"routers", {kRouter, backup_router()}}}, kPlain),
      R"text(VI_1  Active (master) for 3m 13s, since 2001-09-09T01:45:07.500Z: no advert for Active_Down_Interval
  interface     eth0, VRID 51, IPv4, version 3
  addresses     192.0.2.100/24 on eth0 (eth0:vip1), 192.0.2.101/32 on dummy0
  priority      130 (150 configured, -20 check nginx failing = 130)
  peer          192.0.2.3, priority 100 (lowest heard 90), seen 1m 33s ago, checksum pseudo-header
  adverts       9250 sent, one in 10ms; 57 received (checksums: 1 message, 56 pseudo-header)
  dropped       3 ttl, 1 type
  mismatches    1 with other addresses
  timers        Active_Adver_Interval 10ms, Skew_Time 4.14ms, Active_Down_Interval 34.1ms; next in 2.5ms
  lease         25ms left
  sync group    gateway
  transitions   2
  warning: the addresses never move

VI_long_name  Backup for 3m 13s, since 2001-09-09T01:45:07.500Z: no advert for Active_Down_Interval
  interface     eth0, VRID 51, IPv4, version 3
  addresses     192.0.2.100/24 on eth0 (eth0:vip1), 192.0.2.101/32 on dummy0
  priority      130
  peer          none heard yet
  adverts       9250 sent, one in 10ms; 0 received
  dropped       none
  timers        Active_Adver_Interval 10ms, Skew_Time 4.14ms, Active_Down_Interval 34.1ms; none is running
  lease         none
  handed over   stays Backup while the peer is there; `tandemctl failover --back` ends it
  transitions   2
)text");
}

TEST(RenderVrrp, SaysThatThereIsNone) {
  EXPECT_EQ(render_vrrp({{"routers", json::array()}}, kPlain),
            "No virtual router is configured.\n");
}

TEST(RenderStatus, ShowsTheNodeAtAGlance) {
  EXPECT_EQ(render_status(kStatusDocument, kPlain),
            R"text(node-a  Tandem 1.2.3, engine xdp, up for 2d 4h, /etc/tandem/tandem.toml
  warning: SCHED_RR was refused
  warning: VI_1: the addresses never move

VIRTUAL ROUTER  STATE            FOR     PRIORITY  PEER             ADDRESSES
VI_1            Active (master)  3m 13s  130       192.0.2.3 (100)  192.0.2.100/24, 192.0.2.101/32
VI_long_name    Backup           3m 13s  130       -                192.0.2.100/24, 192.0.2.101/32

INTERFACE  DEVICE  VLAN  MAC                LINK  XDP
eth0.100   eth0    100   02:00:00:00:00:01  up    native
eth1       eth1    -     02:00:00:00:00:02  down  none

CHECK  KIND  RESULT   FOR  LAST
nginx  http  up       30s  200 OK
db     tcp   unknown  -

adverts      60 received; dropped: 3 ttl; 1 lost as the ring was full
packets      5 drop/no-lease, 1000 pass/other
VRRP thread  SCHED_RR 50, memory locked; adverts late by 17us (p50), 31us (p99), 500us (p99.9), 1.5ms (max); stalls: 2 steal
addresses    put back 2 times
)text");
}

TEST(RenderEvent, HasALineForEachKind) {
  const auto line = [](const char* event) {
    json document = json::parse(event);
    document["time"] = "T";
    return render_event(document, kPlain);
  };
  EXPECT_EQ(line(R"({"kind": "transition", "router": "VI_1", "from": "Backup", "to": "Active",
                     "cause": "the Active (priority 0) resigned",
                     "peer": {"address": "192.0.2.3", "priority": 0}})"),
            "T  VI_1          Backup -> Active (master): the Active (priority 0) resigned "
            "(192.0.2.3, priority 0)");
  EXPECT_EQ(line(R"({"kind": "transition", "router": "a_router_with_a_long_name", "from": "Backup",
                     "to": "Fault", "cause": "c", "peer": null})"),
            "T  a_router_with_a_long_name  Backup -> Fault: c");
  EXPECT_EQ(line(R"({"kind": "dropped_advert", "interface": "eth0", "source": "192.0.2.3",
                     "vrid": 51, "reason": "ttl"})"),
            "T  eth0          advert dropped: ttl, from 192.0.2.3, VRID 51");
  EXPECT_EQ(line(R"({"kind": "dropped_advert", "interface": "eth0", "source": null,
                     "vrid": null, "reason": "truncated"})"),
            "T  eth0          advert dropped: truncated");
  EXPECT_EQ(line(R"({"kind": "notify", "router": "VI_1", "state": "Active", "good": false,
                     "outcome": "exit status 1"})"),
            "T  VI_1          notify Active: exit status 1");
  EXPECT_EQ(line(R"({"kind": "check", "check": "nginx", "up": false, "why": "refused"})"),
            "T  nginx         check down: refused");
  EXPECT_EQ(line(R"({"kind": "address", "interface": "eth0", "address": "192.0.2.100/24",
                     "what": "restored"})"),
            "T  eth0          192.0.2.100/24 restored");
  EXPECT_EQ(line(R"({"kind": "notice", "text": "reloaded"})"), "T  -             reloaded");
  EXPECT_EQ(line(R"({"kind": "of_a_newer_daemon"})"), "T  -             of_a_newer_daemon");
}

TEST(RenderFailover, ShowsWhatWasDoneAndWhyNot) {
  const json results = json::parse(R"([{"name": "VI_1", "done": true, "why": ""},
                                       {"name": "VI_2", "done": false, "why": "it is Backup"}])");
  EXPECT_EQ(render_failover(results, false, kPlain),
            "VIRTUAL ROUTER  RESULT       WHY\n"
            "VI_1            handed over\n"
            "VI_2            not done     it is Backup\n");
  EXPECT_EQ(render_failover(json::array(), false, kPlain),
            "No virtual router of this node is Active: nothing to hand over.\n");
  EXPECT_EQ(render_failover(json::array(), true, kPlain),
            "No virtual router of this node was handed over: nothing to take back.\n");
}

TEST(RenderReload, CountsTheDifference) {
  EXPECT_EQ(render_reload(json::parse(R"({"added": ["VI_3"], "removed": [],
                                          "changed": ["VI_1", "VI_2", "VI_4"], "unchanged": 7,
                                          "warnings": ["f:1:2: w"]})"),
                          kPlain),
            "Reloaded: 1 added (VI_3), 0 removed, 3 changed (VI_1, VI_2 and VI_4), 7 unchanged.\n"
            "  warning: f:1:2: w\n");
}

TEST(Render, RefusesADocumentThatItDoesNotKnow) {
  EXPECT_THROW((void)render_vrrp({{"routers", {{{"name", "x"}}}}}, kPlain), json::exception);
  EXPECT_THROW((void)render_status(json::object(), kPlain), json::exception);
}

TEST(Table, AlignsColumnsAlsoWithColoursAndWideCharacters) {
  Table table({"A", "LONG", "C"});
  table.row({{"xyz", Tint::good}, {""}, {"1"}});
  table.row({{"\u00fc"}, {"b"}, {""}});
  EXPECT_EQ(table.render(kPlain, "  "),
            "  A    LONG  C\n"
            "  xyz        1\n"
            "  \u00fc    b\n");
  EXPECT_EQ(table.render(Style(true)),
            "\x1b[1mA\x1b[0m    \x1b[1mLONG\x1b[0m  \x1b[1mC\x1b[0m\n"
            "\x1b[32mxyz\x1b[0m        1\n"
            "\u00fc    b\n");
}

TEST(Text, WordsDurationsAsPeopleDo) {
  EXPECT_EQ(duration_text(-1), "0s");
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(0.00082), "820us");
  EXPECT_EQ(duration_text(0.9999), "1s");
  EXPECT_EQ(duration_text(0.4140625), "414ms");
  EXPECT_EQ(duration_text(3.41), "3.41s");
  EXPECT_EQ(duration_text(12), "12s");
  EXPECT_EQ(duration_text(59.97), "1m 0s");
  EXPECT_EQ(duration_text(192.5), "3m 13s");
  EXPECT_EQ(duration_text(5 * 3600 + 7 * 60), "5h 7m");
  EXPECT_EQ(duration_text(2 * 86400 + 3 * 3600), "2d 3h");
}

TEST(Text, LetsNothingPlayWithTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\nc\x7f"), "a?[31mb?c?");
  EXPECT_EQ(printable("a\nb", true), "a\nb");
  EXPECT_EQ(text_at({{"k", "\x1b"}}, "k"), "?");
}

}  // namespace
}  // namespace tandem::ctl
