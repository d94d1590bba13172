// SPDX-License-Identifier: Apache-2.0
// A good file: every key against the value it stands for.
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "listed.hpp"
#include "source_files.hpp"

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}
VirtualAddress vip(const char* text) {
  return {IpPrefix::parse(text).value(), {}, {}};
}

Vrrp every_key() {
  Vrrp vrrp;
  vrrp.name = "VI_1";
  vrrp.interface = "eth0.100";
  vrrp.vrid = 51;
  vrrp.version = 2;
  vrrp.family = Family::ipv4;
  vrrp.priority = 150;
  vrrp.advert_interval = 2s;
  vrrp.down_adverts = 5;
  vrrp.addresses = {vip("192.0.2.100/24"), vip("192.0.2.101/32"), vip("198.51.100.1/25")};
  vrrp.addresses[0].label = "eth0.100:v1";
  vrrp.addresses[2].label = "eth1:v1";
  vrrp.addresses[2].device = "eth1";
  vrrp.addresses[1].advertised = false;
  vrrp.track = {{"page", "", "", -60},
                {"", "eth1", "", 10},
                {"port", "", "", std::nullopt},
                {"", "", "api", -20}};
  vrrp.preempt_delay = 30s;
  vrrp.startup_delay = 1500ms;
  vrrp.unicast_peers = {ip("192.0.2.3"), ip("192.0.2.4")};
  vrrp.unicast_source = ip("192.0.2.2");
  vrrp.check_unicast_source = false;
  vrrp.accept = false;
  vrrp.password = "secret";
  vrrp.sync_group = "both";
  vrrp.garp_repeat = 1;
  vrrp.garp_delay = 2s;
  vrrp.garp_refresh = 0s;
  vrrp.garp_interval = 5ms;
  vrrp.notify = {{"/bin/notify", "a"}, {"/bin/notify", "b"}, {"/bin/notify", "f"},
                 {"/bin/notify", "s"}, {"/bin/notify"},      3s};
  return vrrp;
}

Vrrp with_defaults(const char* name, std::vector<VirtualAddress> addresses) {
  Vrrp vrrp;
  vrrp.name = name;
  vrrp.interface = "eth1";
  vrrp.vrid = 51;
  vrrp.family = addresses.front().prefix.address.family();
  vrrp.addresses = std::move(addresses);
  return vrrp;
}

Service service(const char* name, const char* address, Protocol protocol, std::uint16_t port,
                Forward forward) {
  Service service;
  service.name = name;
  service.address = ip(address);
  service.protocol = protocol;
  service.port = port;
  service.forward = forward;
  return service;
}

Backend backend(const char* address, std::uint16_t port) {
  Backend backend;
  backend.address = ip(address);
  backend.port = port;
  return backend;
}

class FullFile : public testing::Test {
 protected:
  const Loaded loaded = load_file(source_path("tests/unit/config/golden/full.toml").string());
  const Config& config = loaded.config;
};

TEST_F(FullFile, HasNoProblem) {
  EXPECT_EQ(listed(loaded), "");
}

TEST_F(FullFile, GivesTheNode) {
  EXPECT_EQ(config.node, (Node{"node-a", "xdp", "/run/a.sock", "/run/bpf",
                               ListenAddress{ip("2001:db8::1"), 8080}, "http://192.0.2.3:9105"}));
}

TEST_F(FullFile, GivesInterfaces) {
  std::vector<Interface> expected(2);
  expected[0].name = "eth0.100";
  expected[0].device = "eth0";
  expected[0].vlan = {200, 100};
  expected[0].xdp_mode = XdpMode::generic;
  expected[1].name = "eth1";
  expected[1].xdp_mode = XdpMode::native;
  EXPECT_EQ(config.interfaces, expected);
}

TEST_F(FullFile, GivesChecks) {
  std::vector<Check> expected(3);
  expected[0].name = "page";
  expected[0].http = HttpProbe{true, "2001:db8::9", 8443, "/health?full=1"};
  expected[0].interval = 500ms;
  expected[0].timeout = 250ms;
  expected[0].fall = 5;
  expected[0].rise = 4;
  expected[1].name = "port";
  expected[1].tcp = TcpProbe{ip("127.0.0.1"), 80};
  expected[2].name = "script";
  expected[2].command = CommandProbe{{"/usr/bin/test", "-e", "/run/up"}};
  EXPECT_EQ(config.checks, expected);
}

TEST_F(FullFile, GivesNginx) {
  EXPECT_EQ(config.nginx,
            (Nginx{HttpProbe{false, "127.0.0.1", 10080, "/nginx_status"}, 1s, 500ms}));
}

TEST_F(FullFile, GivesTheLinksToTheOtherNode) {
  EXPECT_EQ(config.sync, (Sync{{{ip("198.51.100.2"), 9106}, {ip("2001:db8::2"), 9106}},
                               {{ip("198.51.100.3"), 9106}, {ip("2001:db8::3"), 9106}},
                               "/run/sync.key"}));
}

TEST_F(FullFile, GivesVirtualRouters) {
  ASSERT_EQ(config.vrrp.size(), 3U);
  EXPECT_EQ(config.vrrp[0], every_key());
  auto owner =
      with_defaults("VI_2", {vip("203.0.113.1/24"), vip("203.0.113.2/24"), vip("203.0.113.3/24")});
  owner.priority = 255;
  owner.preempt = false;
  owner.mac = MacMode::virtual_mac;
  owner.checksum = wire::ChecksumForm::message;
  owner.sync_group = "both";
  EXPECT_EQ(config.vrrp[1], owner);
  EXPECT_EQ(config.vrrp[2], with_defaults("VI_6", {vip("fe80::1/64"), vip("2001:db8::1/64")}));
}

TEST_F(FullFile, GivesTheTableOfFlows) {
  Flows expected;
  expected.size = 1'000;
  expected.size_ipv6 = 16'777'216;
  expected.new_per_second = 5'000;
  expected.syn_sent = {5s, 10s};
  expected.established.counted = 30min;
  expected.udp.remembered = 60s;
  expected.closing = 90s;
  expected.closed = 1s;
  EXPECT_EQ(config.flows, expected);
}

TEST_F(FullFile, GivesServicesToTheNodeItself) {
  ASSERT_EQ(config.services.size(), 5U);
  EXPECT_EQ(config.services[0], service("dns", "2001:db8::1", Protocol::udp, 53, Forward::local));
}

TEST_F(FullFile, GivesServicesWithBackends) {
  ASSERT_EQ(config.services.size(), 5U);
  auto nat = service("api", "203.0.113.1", Protocol::tcp, 8080, Forward::nat);
  nat.scheduler = balance::SchedulerKind::maglev;
  nat.backends = {backend("198.51.100.21", 80), backend("198.51.100.22", 8080)};
  nat.backends[0].weight = 100;
  nat.backends[1].weight = 0;
  nat.backends[1].max_connections = 10'000;
  nat.backends[1].backup = true;
  nat.check.emplace();
  nat.check->https = "/health?full=1";
  nat.check->port = 8443;
  nat.check->interval = 500ms;
  nat.check->timeout = 250ms;
  nat.check->fall = 5;
  nat.check->rise = 4;
  nat.slow_start = 30s;
  nat.affinity = 5min;
  nat.unavailable = Unavailable::drop;
  EXPECT_EQ(config.services[1], nat);

  auto fullnat = service("api-2", "203.0.113.1", Protocol::tcp, 8081, Forward::fullnat);
  fullnat.scheduler = balance::SchedulerKind::round_robin;
  fullnat.backends = {backend("198.51.100.21", 80)};
  fullnat.check.emplace().http = "/";
  fullnat.sources = {ip("203.0.113.2"), ip("203.0.113.3")};
  EXPECT_EQ(config.services[2], fullnat);

  auto tunnel = service("api-3", "2001:db8::1", Protocol::tcp, 8082, Forward::tunnel);
  tunnel.scheduler = balance::SchedulerKind::source_hash;
  tunnel.backends = {backend("198.51.100.21", 8082), backend("2001:db8::21", 8082)};
  tunnel.check.emplace().tcp = true;
  EXPECT_EQ(config.services[3], tunnel);

  auto dsr = service("ntp", "203.0.113.1", Protocol::udp, 123, Forward::dsr);
  dsr.backends = {backend("198.51.100.21", 123)};
  dsr.check.emplace().command = {"/bin/probe", "-u"};
  dsr.backends[0].weight = 2;
  dsr.one_packet = true;
  dsr.quorum = 2;
  dsr.notify = {{"/bin/notify", "up"}, {"/bin/notify", "down"}, 2s};
  dsr.affinity = 1min;
  dsr.affinity_prefix = 24;
  EXPECT_EQ(config.services[4], dsr);
}

TEST_F(FullFile, KnowsWhereItsTablesAre) {
  EXPECT_EQ(config.interfaces[1].where.line, 31);
  EXPECT_EQ(config.vrrp[0].where.line, 51);
  EXPECT_EQ(config.vrrp[0].where.column, 1);
  EXPECT_EQ(config.services[1].backends[1].where.line, 123);
  EXPECT_EQ(config.services[1].backends[1].where.column, 3);
}

TEST(SmallestFile, HasDefaults) {
  const auto loaded = parse("[node]\nname = \"a\"\n");
  EXPECT_EQ(listed(loaded), "");
  Config expected;
  expected.node.name = "a";
  EXPECT_EQ(loaded.config, expected);
}

TEST(AFileWithBlankLines, IsTheSameConfiguration) {
  auto text = read_text(source_path("tests/unit/config/golden/full.toml"));
  const auto before = parse(text).config;
  for (std::size_t at = 0; (at = text.find('{', at)) != std::string::npos; at += 2)
    text.insert(at, " ");
  auto after = parse("\n\n" + text).config;
  ASSERT_NE(before.services.at(1).backends.at(0).where.line,
            after.services.at(1).backends.at(0).where.line);
  EXPECT_EQ(before, after);
  ++after.services[1].backends[0].weight;
  EXPECT_FALSE(before == after);
}

TEST(DpdkFile, GivesPortsOfCards) {
  const auto config = load_file(source_path("configs/dpdk.toml").string()).config;
  Interface expected;
  expected.name = "front";
  expected.driver = "pci";
  expected.pci = "0000:03:00.0";
  expected.addresses = {IpPrefix::parse("192.0.2.2/24").value()};
  ASSERT_EQ(config.interfaces.size(), 2U);
  EXPECT_EQ(config.interfaces[0], expected);
}

}  // namespace
}  // namespace tandem::config
