// SPDX-License-Identifier: Apache-2.0
#include "observe/metrics.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "../meanings.hpp"
#include "observe/overview.hpp"
#include "sample.hpp"

namespace tandem::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

RouterView router(MonotonicTime now) {
  RouterView r;
  r.sockets.counts = true;
  r.config.name = "VI_1";
  r.config.vrid = 51;
  r.config.addresses = {{IpPrefix::parse("192.0.2.100/24").value(), {}, {}},
                        {IpPrefix::parse("2001:db8::100/64").value(), {}, {}}};
  r.status.state = vrrp::State::active;
  r.status.transitions = 3;
  r.status.configured_priority = 150;
  r.status.effective_priority = 90;
  r.status.peer = ip("192.0.2.3");
  r.status.peer_priority = 80;
  r.status.peer_role = {{vrrp::State::active, 150, true}, now - milliseconds(20)};
  r.status.lease_deadline = now + milliseconds(250);
  r.status.dropped[static_cast<std::size_t>(wire::AdvertDrop::ttl)] = 7;
  return r;
}

BackendView backend(const char* address, balance::State state) {
  BackendView b;
  b.service = "api";
  b.address = ip(address);
  b.port = 8080;
  b.state = state;
  b.active = 5;
  b.weight = 3;
  b.max_connections = 100;
  b.traffic = {10, 2'000, 9, 90'000};
  b.check = CheckFigures{20, 2, milliseconds(4)};
  return b;
}

// A node that has something to tell of everything.
Overview everything() {
  Overview o;
  o.now = Now::read();
  o.node.name = "node-a";
  o.node.version = "1.2";
  o.node.engine = "dpdk";
  o.node.started = o.now.monotonic - seconds(60);
  o.node.interfaces.push_back({"eth0", "eth0", 2, {}, {}, "native", "alone", true});
  o.node.interfaces.push_back({"eth1", "eth1", 3, {}, {}, "", "", true});
  o.node.packets[TD_DROP_NO_LEASE] = 11;
  o.node.losses.push_back({"AF_XDP", "ring_full", 13});
  o.node.adverts.received = 12;
  o.node.vrrp_thread.realtime = true;
  o.node.vrrp_thread.stalls = {{"steal", 2}};
  o.node.vrrp_thread.lateness.record(std::chrono::microseconds(20));
  o.node.vrrp_thread.lateness.record(milliseconds(3));
  o.node.checks.push_back({"nginx", "http", false, {}, "HTTP 503", {8, 2, milliseconds(1)}});
  o.node.checks.push_back({"new", "tcp", std::nullopt, {}, "", {}});
  o.node.reloads = {2, 1, false};
  o.routers.push_back(router(o.now.monotonic));
  ServiceView api;
  api.name = "api";
  api.address = ip("192.0.2.100");
  api.port = 80;
  api.forward = config::Forward::nat;
  api.refused = 9;
  api.no_source_port = 2;
  api.before_forward = BeforeForward{100, 1, 2, 3, 4};
  ServiceView own;
  own.name = "a \"quoted\" name";
  o.services.services = {api, own};
  o.services.tables = FlowTablesView{{20, 1'000, 3}, {0, 500, 0}, 17, 16};
  o.backends = {backend("198.51.100.21", balance::State::up),
                backend("2001:db8::21", balance::State::draining)};
  o.engine.workers.push_back({true, 1, 2, 3, 4, 5, 6, 7, 8});
  o.engine.ports.push_back({"eth0", 1, 2});
  o.http = {4, 1, 3, 2};
  o.nginx = NginxView{StubStatus{291, 30, 29, 31, 6, 179, 106}};
  o.sync.emplace();
  o.sync->services = {{"web", true, SyncState::in_sync}};
  return o;
}

class Metrics : public testing::Test {
 protected:
  // The lines that are samples of a family, without its own comments.
  std::string samples(const std::string& family) {
    std::string found;
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(family + " ") || line.starts_with(family + "{")) found += line + "\n";
    return found;
  }
  void write(const Overview& overview) {
    const ProcessView process{milliseconds(1'500), 4'096, 7, 1'024};
    auto text = metrics_text(overview, process);
    ASSERT_TRUE(text) << text.error().message;
    text_ = *text;
  }

  std::string text_;
};

// Prometheus shows a meaning without those before it.
TEST(MetricMeanings, StandAlone) {
  for (const Metric& metric : metrics())
    EXPECT_FALSE(leans_on_another(metric.meaning)) << metric.name << ": " << metric.meaning;
}

TEST_F(Metrics, TellWhatTheVirtualRoutersDo) {
  write(everything());
  EXPECT_EQ(samples("tandem_vrrp_state"),
            "tandem_vrrp_state{router=\"VI_1\",vrid=\"51\",state=\"initialize\"} 0\n"
            "tandem_vrrp_state{router=\"VI_1\",vrid=\"51\",state=\"backup\"} 0\n"
            "tandem_vrrp_state{router=\"VI_1\",vrid=\"51\",state=\"active\"} 1\n"
            "tandem_vrrp_state{router=\"VI_1\",vrid=\"51\",state=\"fault\"} 0\n");
  EXPECT_EQ(samples("tandem_vrrp_address_held"),
            "tandem_vrrp_address_held{router=\"VI_1\",address=\"192.0.2.100\"} 1\n"
            "tandem_vrrp_address_held{router=\"VI_1\",address=\"2001:db8::100\"} 1\n");
  EXPECT_EQ(samples("tandem_vrrp_lease_remaining_seconds"),
            "tandem_vrrp_lease_remaining_seconds{router=\"VI_1\"} 0.25\n");
  EXPECT_EQ(samples("tandem_vrrp_priority"), "tandem_vrrp_priority{router=\"VI_1\"} 90\n");
  EXPECT_EQ(samples("tandem_vrrp_peer_priority"),
            "tandem_vrrp_peer_priority{router=\"VI_1\"} 80\n");
  EXPECT_NE(
      samples("tandem_vrrp_adverts_dropped_total").find("{router=\"VI_1\",reason=\"ttl\"} 7\n"),
      std::string::npos);
}

TEST_F(Metrics, TellALeaseThatHasEndedAsNone) {
  auto overview = everything();
  overview.routers[0].status.lease_deadline = overview.now.monotonic;
  overview.routers[0].status.peer = {};
  write(overview);
  EXPECT_EQ(samples("tandem_vrrp_lease_remaining_seconds"),
            "tandem_vrrp_lease_remaining_seconds{router=\"VI_1\"} 0\n");
  EXPECT_EQ(samples("tandem_vrrp_address_held"),
            "tandem_vrrp_address_held{router=\"VI_1\",address=\"192.0.2.100\"} 0\n"
            "tandem_vrrp_address_held{router=\"VI_1\",address=\"2001:db8::100\"} 0\n");
  EXPECT_EQ(samples("tandem_vrrp_peer_priority"), "") << "there is no peer";
}

TEST_F(Metrics, HaveADistributionOfLateness) {
  write(everything());
  const auto bucket = [&](const char* bound) {
    return samples("tandem_vrrp_lateness_seconds_bucket").find(std::string("le=\"") + bound) !=
           std::string::npos;
  };
  EXPECT_TRUE(bucket("1e-05\"} 0\n")) << text_;
  EXPECT_TRUE(bucket("5e-05\"} 1\n"));
  EXPECT_TRUE(bucket("0.0025\"} 1\n"));
  EXPECT_TRUE(bucket("0.005\"} 2\n"));
  EXPECT_TRUE(bucket("+Inf\"} 2\n"));
  EXPECT_EQ(samples("tandem_vrrp_lateness_seconds_sum"),
            "tandem_vrrp_lateness_seconds_sum 0.00302\n");
}

TEST_F(Metrics, TellOfServicesAndBackends) {
  write(everything());
  EXPECT_EQ(samples("tandem_service_info"),
            "tandem_service_info{service=\"api\",address=\"192.0.2.100\",protocol=\"tcp\","
            "port=\"80\",forward=\"nat\",scheduler=\"least_conn\"} 1\n"
            "tandem_service_info{service=\"a \\\"quoted\\\" name\",address=\"0.0.0.0\","
            "protocol=\"tcp\",port=\"0\",forward=\"local\",scheduler=\"\"} 1\n");
  EXPECT_EQ(samples("tandem_service_refused_total"),
            "tandem_service_refused_total{service=\"api\",reason=\"no_backend\"} 7\n"
            "tandem_service_refused_total{service=\"api\",reason=\"no_source_port\"} 2\n");
  EXPECT_EQ(samples("tandem_service_acknowledged_total"),
            "tandem_service_acknowledged_total{service=\"api\"} 100\n");
  EXPECT_EQ(samples("tandem_service_unacknowledged_total"),
            "tandem_service_unacknowledged_total{service=\"api\",reason=\"away\"} 1\n"
            "tandem_service_unacknowledged_total{service=\"api\",reason=\"slow\"} 2\n"
            "tandem_service_unacknowledged_total{service=\"api\",reason=\"refused\"} 3\n"
            "tandem_service_unacknowledged_total{service=\"api\",reason=\"no_room\"} 4\n");
  EXPECT_EQ(samples("tandem_backend_connections"),
            "tandem_backend_connections{service=\"api\",backend=\"198.51.100.21:8080\"} 5\n"
            "tandem_backend_connections{service=\"api\",backend=\"[2001:db8::21]:8080\"} 5\n");
  EXPECT_NE(samples("tandem_backend_bytes_total").find("direction=\"out\"} 90000\n"),
            std::string::npos);
  EXPECT_NE(samples("tandem_backend_state")
                .find("{service=\"api\",backend=\"[2001:db8::21]:8080\",state=\"draining\"} 1\n"),
            std::string::npos);
  EXPECT_EQ(samples("tandem_flow_count_mismatch"), "tandem_flow_count_mismatch 1\n");
  EXPECT_NE(samples("tandem_packets_total").find("{verdict=\"drop\",reason=\"no-lease\"} 11\n"),
            std::string::npos);
}

TEST_F(Metrics, SayNothingOfWhatIsNotKnown) {
  auto overview = everything();
  overview.nginx = NginxView{};
  overview.services.tables.reset();
  overview.backends[0].check.reset();
  write(overview);
  EXPECT_EQ(samples("tandem_nginx_up"), "tandem_nginx_up 0\n");
  EXPECT_EQ(samples("tandem_nginx_requests_total"), "");
  EXPECT_EQ(samples("tandem_flow_count_mismatch"), "");
  EXPECT_EQ(samples("tandem_backend_check_runs_total"),
            "tandem_backend_check_runs_total{service=\"api\",backend=\"[2001:db8::21]:8080\"} "
            "20\n");
  EXPECT_EQ(samples("tandem_check_up"), "tandem_check_up{check=\"nginx\",kind=\"http\"} 0\n")
      << "the other has no result yet";
}

// Each line of the table is exported, with the labels that it lists; and nothing else is.
TEST_F(Metrics, AreThoseOfTheTable) {
  write(everything());
  std::set<std::string> listed, exported;
  for (const auto& metric : metrics())
    listed.insert(std::string(metric.name) + " " + metric.labels);
  const std::regex sample(R"(^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$)");
  std::istringstream lines(text_);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("#")) continue;
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    auto labels = std::regex_replace(match[2].str(), std::regex(R"(="(\\.|[^"\\])*")"), "");
    labels = std::regex_replace(labels, std::regex(",?\\ble\\b"), "");
    exported.insert(match[1].str() + " " + std::regex_replace(labels, std::regex(","), ", "));
  }
  EXPECT_EQ(exported, listed);
}

TEST(MetricsReference, IsWhatTheTableSays) {
  std::ifstream file(TANDEM_SOURCE "/docs/metrics.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(metrics_reference(), text.str())
      << "run build/src/tandem-reference metrics > docs/metrics.md";
}

}  // namespace
}  // namespace tandem::observe
