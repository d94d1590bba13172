// SPDX-License-Identifier: Apache-2.0
#include "observe/services_document.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "base/bytes.hpp"
#include "observe/capture_filter.hpp"
#include "observe/explain_document.hpp"
#include "observe/pcapng.hpp"
#include "sample.hpp"
#include "tandem/flow.h"

namespace tandem::observe {
namespace {

using nlohmann::json;

// ---- Services, backends, flows

TEST(ServicesDocument, ShowsEachServiceAndWhetherTheCountsAgree) {
  ServiceView web;
  web.name = "web";
  web.address = ip("192.0.2.100");
  web.port = 80;
  web.forward = config::Forward::nat;
  web.lease = true;
  web.backends_up = 3;
  web.backends_down = 1;
  web.flows_active = 17;
  web.flows_total = 20;
  web.new_per_second = 12.34;
  web.traffic = {100, 6000, 90, 120000};
  web.picks = 40;
  web.hash_picks = 2;
  web.refused = 1;
  ServiceView own;
  own.name = "own";
  own.address = ip("2001:db8::1");
  own.protocol = config::Protocol::udp;
  own.port = 53;
  const json document = services_document(
      {.services = {web, own},
       .tables = FlowTablesView{
           .ipv4 = {20, 1000, 3}, .ipv6 = {}, .active_in_table = 17, .active_in_schedulers = 16}});
  EXPECT_EQ(document["services"][0], json::parse(R"({
    "name": "web", "address": "192.0.2.100", "protocol": "tcp", "port": 80, "forward": "nat",
    "scheduler": "least_conn", "lease": true, "up": true, "backends": {"up": 3, "draining": 0, "down": 1},
    "flows": {"active": 17, "total": 20}, "new_per_second": 12.3, "picks": 40, "hash_picks": 2,
    "refused": 1, "packets_in": 100, "bytes_in": 6000, "packets_out": 90, "bytes_out": 120000})"));
  EXPECT_TRUE(document["services"][1]["scheduler"].is_null());
  web.before_forward = BeforeForward{100, 1, 2, 3, 4};
  EXPECT_EQ(services_document(
                {.services = {web}, .tables = FlowTablesView{}})["services"][0]["before_forward"],
            json::parse(R"({"acknowledged": 100, "unacknowledged":
                            {"away": 1, "slow": 2, "refused": 3, "no_room": 4}})"));
  EXPECT_EQ(document["flow_tables"]["ipv4"],
            json::parse(R"({"flows": 20, "capacity": 1000, "evicted": 3})"));
  EXPECT_EQ(document["counts"], json::parse(R"({"active_in_table": 17, "active_in_schedulers": 16,
                                                "agree": false})"));
}

TEST(ServicesDocument, ShowsABackendsStateAndWhy) {
  BackendView b;
  b.service = "web";
  b.address = ip("198.51.100.21");
  b.port = 8080;
  b.weight = 5;
  b.configured_weight = 1;
  b.weight_set_on = "node-b";
  b.state = balance::State::draining;
  b.why = "drained by the operator";
  b.next_hop = NextHop{"eth1", {{2, 0, 0, 0, 0, 1}}};
  Now now = Now::read();
  b.since = now.monotonic - std::chrono::seconds(3);
  const json row = backends_document(std::vector{b}, now)["backends"][0];
  EXPECT_EQ(row["state"], "draining");
  EXPECT_EQ(row["why"], "drained by the operator");
  EXPECT_EQ(row["for_seconds"], 3.0);
  EXPECT_EQ(row["weight"], 5);
  EXPECT_EQ(row["configured_weight"], 1);
  EXPECT_EQ(row["weight_set_on"], "node-b");
  EXPECT_TRUE(row["drained_on"].is_null());
  EXPECT_EQ(row["next_hop"], json::parse(R"({"device": "eth1", "mac": "02:00:00:00:00:01"})"));
}

TEST(ServicesDocument, ShowsHowFarABackendsSlowStartIs) {
  BackendView b;
  b.state = balance::State::up;
  b.slow_start = std::chrono::seconds(10);
  Now now = Now::read();
  const auto after = [&](int age) {
    b.since = now.monotonic - std::chrono::seconds(age);
    return backends_document(std::vector{b}, now)["backends"][0]["slow_start"];
  };
  EXPECT_EQ(after(3), 0.3);
  EXPECT_TRUE(after(10).is_null());
  b.state = balance::State::draining;
  EXPECT_TRUE(after(3).is_null());
  b.state = balance::State::up;
  b.slow_start = {};
  EXPECT_TRUE(after(0).is_null());
}

TEST(ServicesDocument, ShowsFlowsAndHowManyMatched) {
  FlowView flow;
  flow.client = ip("2001:db8::7");
  flow.client_port = 40000;
  flow.service = "web";
  flow.backend = ip("2001:db8::21");
  flow.backend_port = 80;
  flow.state = TD_FLOW_ESTABLISHED;
  flow.counted = true;
  flow.idle = std::chrono::milliseconds(1500);
  flow.source_port = 1024;
  EXPECT_EQ(flows_document(std::vector{flow}, 7), json::parse(R"({"matched": 7, "flows": [
    {"client": "2001:db8::7", "client_port": 40000, "service": "web", "backend": "2001:db8::21",
     "backend_port": 80, "state": "established", "counted": true, "idle_seconds": 1.5,
     "source_port": 1024}]})"));
}

TEST(ExplainDocument, LeavesOutWhatDoesNotApply) {
  ExplainView view;
  view.steps = {{"virtual address", "192.0.2.9 is none of this node", true}};
  const json document = explain_document(view);
  EXPECT_EQ(document["verdict"], "pass");
  EXPECT_EQ(document["reason"], "pass/other");
  for (const char* key : {"virtual_router", "lease", "service", "flow", "pick", "egress"})
    EXPECT_TRUE(document[key].is_null()) << key;
  view.verdict = Verdict::drop;
  view.reason = TD_DROP_NO_LEASE;
  view.lease = LeaseView{};
  EXPECT_EQ(explain_document(view)["reason"], "drop/no-lease");
  EXPECT_EQ(explain_document(view)["lease"]["live"], false);
}

// ---- Captures

std::uint32_t word(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

TEST(Pcapng, WritesBlocksWhoseLengthsFit) {
  std::ostringstream out;
  Pcapng file(out, 512, [](std::uint32_t device) { return "eth" + std::to_string(device); });
  const std::vector<std::uint8_t> frame(61, 0xab);
  for (const std::uint32_t device : {3U, 4U, 3U})
    file.write({device, Pcapng::Direction::out, WallTime(std::chrono::seconds(5)), frame, 1500,
                "drop/no-lease"});
  const std::string bytes = out.str();
  std::vector<std::uint32_t> types;
  std::size_t packet = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint32_t length = word(bytes, at + 4);
    ASSERT_EQ(length % 4, 0U);
    ASSERT_EQ(word(bytes, at + length - 4), length);
    types.push_back(word(bytes, at));
    if (types.back() == 6 && packet == 0) packet = at;
    at += length;
  }
  // A section, and each device before its first packet.
  EXPECT_EQ(types, (std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6, 1, 6, 6}));
  const std::uint64_t ns = std::uint64_t{word(bytes, packet + 12)} << 32 | word(bytes, packet + 16);
  EXPECT_EQ(ns, 5'000'000'000U);
  EXPECT_EQ(word(bytes, packet + 20), 61U);
  EXPECT_EQ(word(bytes, packet + 24), 1500U);
  EXPECT_NE(bytes.find("drop/no-lease"), std::string::npos);
  EXPECT_NE(bytes.find("eth4"), std::string::npos);
}

TEST(CaptureFilter, FitsAsTcpdumpsDoes) {
  std::vector<std::uint8_t> frame(60);
  store_be16(&frame[12], 0x0800);
  frame[14] = 0x45;
  frame[23] = 6;
  store_be16(&frame[36], 80);
  const auto fits = [&](const char* text) {
    return CaptureFilter::compile(text).value().fits(frame, 60);
  };
  EXPECT_TRUE(fits(""));
  EXPECT_TRUE(fits("tcp port 80"));
  EXPECT_FALSE(fits("tcp port 81"));
  EXPECT_FALSE(fits("ip6"));
  const auto bad = CaptureFilter::compile("tcp porty");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "filter 'tcp porty': can't parse filter expression: syntax error");
}

}  // namespace
}  // namespace tandem::observe
