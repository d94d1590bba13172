// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/sysctls.hpp"

#include "ctl/doctor/fixes.hpp"
#include "ctl/doctor/listeners.hpp"
#include "tree.hpp"

namespace tandem::doctor {
namespace {

Finding judge(const Tree& tree, const config::Config& config, Check check) {
  Findings findings;
  judge_sysctls(config, read_sysctls(tree.root(), {}), findings);
  return worst(check, std::move(findings));
}

config::Config with(config::Forward forward) {
  config::Config config = one_router();
  config.services.push_back(service(forward));
  return config;
}

struct Low {
  Check check;
  const char* key;
  const char* bad;
  const char* good;
};
class Lows : public testing::TestWithParam<Low> {};

TEST_P(Lows, AreFoundAndFixed) {
  const auto& [check, key, bad, good] = GetParam();
  const std::string file = std::string("proc/sys/") + key;
  const auto config = with(config::Forward::local);
  Tree tree;
  tree.file(file, good);
  EXPECT_EQ(judge(tree, config, check).severity, Severity::ok);
  tree.file(file, bad);
  const Finding finding = judge(tree, config, check);
  EXPECT_EQ(finding.severity, Severity::warning);
  ASSERT_EQ(finding.actions.size(), 1U);
  EXPECT_EQ("sysctl -w " + sysctl_line(finding.actions[0])
                               .replace(sysctl_line(finding.actions[0]).find(" = "), 3, "="),
            finding.fix);

  const auto done = carry_out(tree.root(), finding.actions);
  EXPECT_EQ(done.at(0).trouble, "");
  const Finding after = judge(tree, config, check);
  EXPECT_EQ(after.severity, Severity::ok);
  EXPECT_TRUE(planned({after}).empty());  // a second run has nothing to do
}

INSTANTIATE_TEST_SUITE_P(
    All, Lows,
    testing::Values(Low{Check::kernel_jit, "net/core/bpf_jit_enable", "0", "1"},
                    Low{Check::somaxconn, "net/core/somaxconn", "128", "4096"},
                    Low{Check::syn_backlog, "net/ipv4/tcp_max_syn_backlog", "128", "1024"},
                    Low{Check::device_backlog, "net/core/netdev_max_backlog", "300", "1000"},
                    Low{Check::file_max, "fs/file-max", "8192", "9223372036854775807"},
                    Low{Check::conntrack, "net/netfilter/nf_conntrack_max", "65536", "262144"}));

TEST(DoctorSysctls, FindAFullConntrack) {
  Tree tree;
  tree.file("proc/sys/net/netfilter/nf_conntrack_max", "300000")
      .file("proc/sys/net/netfilter/nf_conntrack_count", "299000");
  const Finding finding = judge(tree, with(config::Forward::local), Check::conntrack);
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.fix, "sysctl -w net.netfilter.nf_conntrack_max=600000");
}

TEST(DoctorSysctls, NeedForwardingForNatAlone) {
  Tree tree;
  tree.file("proc/sys/net/ipv4/ip_forward", "0");
  const Finding finding = judge(tree, with(config::Forward::nat), Check::ip_forward);
  EXPECT_EQ(finding.severity, Severity::note);
  EXPECT_TRUE(finding.actions.empty());  // it makes the node a router
  Findings findings;
  judge_sysctls(with(config::Forward::dsr), read_sysctls(tree.root(), {}), findings);
  EXPECT_TRUE(of(Check::ip_forward, std::move(findings)).empty());
}

TEST(DoctorSysctls, AreWrittenWithSlashesForANameWithADot) {
  EXPECT_EQ(sysctl_command("net/core/somaxconn", 1), "sysctl -w net.core.somaxconn=1");
  EXPECT_EQ(sysctl_command(interface_key("eth0.7", "rp_filter"), 2),
            "sysctl -w net/ipv4/conf/eth0.7/rp_filter=2");
}

TEST(DoctorFixes, SayWhatTheyCouldNotDo) {
  Tree tree;
  const auto done = carry_out(tree.root(), {sysctl_action("net/core/nothing", 1)});
  EXPECT_NE(done.at(0).trouble, "");
  EXPECT_EQ(permanence(done), "");
}

TEST(DoctorFixes, TellHowToKeepThem) {
  EXPECT_EQ(permanence({{sysctl_action("net/core/somaxconn", 4096), ""}}),
            "echo 'net.core.somaxconn = 4096' >> /etc/sysctl.d/90-tandem.conf\n");
}

// ---- what listens ----------------------------------------------------------
Finding judge_listening(const std::string& tcp, const std::string& tcp6, const char* nonlocal) {
  const std::string head = "  sl  local_address rem_address   st\n";
  Tree tree;
  tree.file("proc/net/tcp", head + tcp).file("proc/net/tcp6", head + tcp6);
  tree.file("proc/sys/net/ipv4/ip_nonlocal_bind", nonlocal);
  Findings findings;
  judge_listeners(with(config::Forward::local), read_listeners(tree.root()),
                  read_sysctls(tree.root(), {}), findings);
  return worst(Check::local_listener, std::move(findings));
}

TEST(DoctorListeners, AreSeenOnAllAddresses) {
  const char* any = "   0: 00000000:0050 00000000:0000 0A 00000000:00000000";
  const char* any6 =
      "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A";
  EXPECT_EQ(judge_listening(any, "", "0").severity, Severity::ok);
  EXPECT_EQ(judge_listening("", any6, "0").severity, Severity::ok);
}

TEST(DoctorListeners, OnTheAddressAloneNeedNonlocalBind) {
  const char* own = "   0: 640200C0:0050 00000000:0000 0A 00000000:00000000";  // 192.0.2.100
  EXPECT_EQ(judge_listening(own, "", "1").severity, Severity::ok);
  const Finding finding = judge_listening(own, "", "0");
  EXPECT_EQ(finding.severity, Severity::warning);
  EXPECT_EQ(finding.fix, "sysctl -w net.ipv4.ip_nonlocal_bind=1");
}

TEST(DoctorListeners, AreMissed) {
  const char* established = "   0: 00000000:0050 0A0200C0:9C40 01 00000000:00000000";
  const char* other_port = "   0: 00000000:0051 00000000:0000 0A 00000000:00000000";
  for (const char* line : {"", established, other_port})
    EXPECT_EQ(judge_listening(line, "", "1").severity, Severity::warning) << line;
}

}  // namespace
}  // namespace tandem::doctor
