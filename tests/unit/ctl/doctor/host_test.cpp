// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/host.hpp"

#include <sys/stat.h>

#include "ctl/doctor/leftovers.hpp"
#include "ctl/doctor/settings.hpp"
#include "tandem/abi.h"
#include "tree.hpp"

namespace tandem::doctor {
namespace {

std::vector<Finding> judge(const Host& host, Check check,
                           const config::Config& config = one_router(),
                           const std::vector<Process>& processes = {}) {
  Findings findings;
  judge_host(config, host, processes, findings);
  return of(check, std::move(findings));
}

TEST(DoctorHost, ReadsItsFiles) {
  Tree tree;
  const std::string clocks = "sys/devices/system/clocksource/clocksource0/";
  tree.file(clocks + "current_clocksource", "hpet")
      .file(clocks + "available_clocksource", "tsc hpet acpi_pm")
      .file("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave")
      .file("sys/fs/selinux/enforce", "1")
      .file("var/log/audit/audit.log",
            "type=AVC avc:  denied  { bpf } for pid=1 comm=\"tandemd\"\n"
            "type=AVC avc:  denied  { read } for pid=2 comm=\"nginx\"");
  const Host host = read_host(tree.root());
  EXPECT_EQ(judge(host, Check::clock_source).at(0).fix,
            "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource");
  EXPECT_EQ(judge(host, Check::cpu_governor).at(0).severity, Severity::note);
  EXPECT_EQ(judge(host, Check::selinux).at(0).what, "enforcing, 1 denials for tandemd");
}

TEST(DoctorHost, IsGood) {
  Tree tree;
  tree.file("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc")
      .file("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance")
      .file("sys/fs/selinux/enforce", "0");
  Host host = read_host(tree.root());
  host.clock_synchronised = true;
  for (const auto check :
       {Check::clock_source, Check::cpu_governor, Check::selinux, Check::clock_synchronised})
    EXPECT_EQ(judge(host, check).at(0).severity, Severity::ok) << describe(check).name;
  host.clock_synchronised = false;
  EXPECT_EQ(judge(host, Check::clock_synchronised).at(0).severity, Severity::note);
}

TEST(DoctorHost, IrqbalanceMattersToWorkers) {
  const std::vector<Process> processes{{7, "irqbalance", "/usr/sbin/irqbalance", false}};
  EXPECT_TRUE(judge({}, Check::irqbalance, one_router(), processes).empty());
  auto config = one_router();
  config.node.engine = "dpdk";
  config.dpdk.cpus = {2, 3};
  EXPECT_EQ(judge({}, Check::irqbalance, config, processes).at(0).severity, Severity::warning);
  EXPECT_EQ(judge({}, Check::irqbalance, config).at(0).severity, Severity::ok);
}

// ---- processes -------------------------------------------------------------
TEST(DoctorProcesses, FindKeepalivedHereAlone) {
  Tree tree;
  tree.link("proc/self/ns/net", "net:[1]")
      .file("proc/10/comm", "keepalived")
      .file("proc/10/cmdline", std::string("keepalived\0-f\0/etc/k.conf", 26))
      .link("proc/10/ns/net", "net:[1]")
      .file("proc/11/comm", "ucarp")
      .link("proc/11/ns/net", "net:[2]")
      .file("etc/k.conf", "virtual_ipaddress { 192.0.2.100/24 192.0.2.10 }");
  const auto processes = read_processes(tree.root());
  ASSERT_EQ(processes.size(), 2U);
  Findings findings;
  judge_other_daemons(tree.root(), one_router(), processes, findings);
  const auto found = of(Check::vrrp_other_daemon, std::move(findings));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].severity, Severity::error);
  EXPECT_EQ(found[0].what, "runs on this node (process 10); its configuration names 192.0.2.100");

  tree.file("etc/k.conf", "virtual_ipaddress { 192.0.2.10 1192.0.2.100 }");
  Findings again;
  judge_other_daemons(tree.root(), one_router(), processes, again);
  EXPECT_EQ(worst(Check::vrrp_other_daemon, std::move(again)).what,
            "runs on this node (process 10)");
}

// ---- what was left ---------------------------------------------------------
TEST(DoctorLeftovers, AddressesWithoutAGate) {
  Network network;
  Device device;
  device.name = "eth0";
  device.addresses = {prefix("192.0.2.2/24"), prefix("192.0.2.100/24")};
  device.xdp = Attached::nothing;
  network.bottom["eth0"] = "eth0";
  network.devices["eth0"] = device;
  auto config = one_router();
  Segment segment;
  std::vector<Process> processes;
  const auto judge_left = [&] {
    Findings findings;
    judge_left_addresses(config, network, segment, processes, findings);
    return of(Check::address_leftover, std::move(findings));
  };
  const std::string del = "ip address del 192.0.2.100/24 dev eth0";
  EXPECT_EQ(judge_left().at(0).severity, Severity::error);
  EXPECT_EQ(judge_left().at(0).fix.find(del + "    # if another node has it"), 0U) << "not asked";
  segment.probed = {{"eth0", prefix("192.0.2.100/24").address, "VI_1", {}}};
  EXPECT_EQ(judge_left().at(0).fix, "systemctl start tandemd") << "clients reach no other";
  segment.probed[0].answers = {MacAddress{{2, 0, 0, 0, 0, 9}}};
  EXPECT_EQ(judge_left().at(0).fix, del);
  for (const char* holder : {"keepalived", "ucarp", "tandemd"}) {
    processes = {{7, holder, holder, true}};
    EXPECT_EQ(judge_left().at(0).severity, Severity::note) << holder;
    EXPECT_EQ(judge_left().at(0).fix, "") << holder;
    EXPECT_NE(judge_left().at(0).what.find(std::string(holder) + " (process 7)"),
              std::string::npos);
  }
  processes = {{7, "keepalived", "keepalived", false}};
  EXPECT_EQ(judge_left().at(0).fix, del) << "it runs in another network namespace";
  network.devices["eth0"].xdp = Attached::native;
  EXPECT_EQ(judge_left().at(0).severity, Severity::note);
  network.devices["eth0"].addresses = {prefix("192.0.2.100/24"), prefix("fe80::2/64")};
  EXPECT_EQ(judge_left().at(0).severity, Severity::error) << "the only one";
  EXPECT_EQ(judge_left().at(0).fix, "") << "would cut the node off";
  config.vrrp[0].priority = 255;
  EXPECT_TRUE(judge_left().empty());
}

TEST(DoctorLeftovers, PinsOfAnotherVersion) {
  Tree tree;
  config::Config config;
  tree.file("sys/fs/bpf/tandem/v" + std::to_string(TD_ABI_VERSION) + "/td_tables", "")
      .file("sys/fs/bpf/tandem/v0/td_tables", "");
  Findings findings;
  judge_pins(read_foreign_pins(tree.root(), config), findings);
  const auto found = of(Check::leftover_pins, std::move(findings));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].fix, "rm -r /sys/fs/bpf/tandem/v0");
}

// ---- the configuration -----------------------------------------------------
TEST(DoctorSettings, ListProblemsAndUnsafeCommands) {
  auto loaded = config::parse("[node]\nname = \"a\"\nnonsense = 1\n");
  config::Check check;
  check.name = "c";
  check.command = config::CommandProbe{{"/nowhere/at/all"}};
  loaded.config.checks.push_back(check);
  Findings findings;
  judge_settings(loaded, "/etc/t.toml", findings);
  const auto found = of(Check::config_problems, std::move(findings));
  ASSERT_GE(found.size(), 2U);
  for (const auto& finding : found) EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_TRUE(found[0].subject.starts_with("/etc/t.toml:3:")) << found[0].subject;
}

TEST(DoctorSettings, FilesThatOthersMayTouch) {
  Tree tree;
  tree.file("t.toml", "");
  auto config = one_router();
  const auto judge_mode = [&](mode_t mode) {
    chmod(tree.path("t.toml").c_str(), mode);
    Findings findings;
    judge_permissions(tree.root(), config, "t.toml", findings);
    return worst(Check::config_permissions, std::move(findings));
  };
  EXPECT_EQ(judge_mode(0644).severity, Severity::ok);
  EXPECT_EQ(judge_mode(0664).severity, Severity::error);
  config.vrrp[0].password = "secret";
  EXPECT_EQ(judge_mode(0640).fix, "chmod 600 t.toml");
  EXPECT_EQ(judge_mode(0600).severity, Severity::ok);
}

}  // namespace
}  // namespace tandem::doctor
