// SPDX-License-Identifier: Apache-2.0
// ruleset.json is what nft 1.0.6 prints of:
//
//   table inet filter {
//     set open { type inet_service; flags interval; elements = { 22, 8000-8100 } }
//     chain services {
//       tcp dport @open accept
//       ip saddr 198.51.100.0/24 tcp dport 443 accept
//       return
//     }
//     chain input {
//       type filter hook input priority filter; policy drop;
//       ct state vmap { established : accept, related : accept, invalid : drop }
//       iifname "lo" accept
//       meta l4proto icmp accept
//       jump services
//       ip daddr 192.0.2.100 udp dport 53 counter accept
//       ip daddr 192.0.2.100 tcp dport { 81, 82 } limit rate 10/second accept
//       ip daddr != 192.0.2.100 tcp dport 83 accept
//       meta l4proto 112 accept
//     }
//   }
#include "ctl/doctor/ruleset.hpp"

#include "../../config/source_files.hpp"
#include "ctl/doctor/firewall.hpp"
#include "tree.hpp"

namespace tandem::doctor {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kVrrp = 112;

Ruleset rules() {
  return Ruleset::parse(read_text(source_path("tests/unit/ctl/doctor/ruleset.json"))).value();
}

// "open", "some", "shut"
std::string verdict(const Ruleset& rules, const Packet& packet) {
  std::string answer = "open";
  for (const Blocked& blocked : rules.blocking(packet)) {
    if (blocked.always) return "shut";
    answer = "some";
  }
  return answer;
}
std::string tcp(std::uint16_t port, const char* address = "192.0.2.100",
                const char* interface = "eth0") {
  return verdict(rules(), {interface, ip(address), kTcp, port});
}

TEST(DoctorRuleset, FollowsJumpsSetsAndPolicy) {
  EXPECT_EQ(tcp(22), "open");
  EXPECT_EQ(tcp(8050), "open");
  EXPECT_EQ(tcp(8101), "shut");
  EXPECT_EQ(tcp(80), "shut");
  EXPECT_EQ(tcp(80, "192.0.2.100", "lo"), "open");
}

TEST(DoctorRuleset, TellsProtocolsAndAddressesApart) {
  EXPECT_EQ(verdict(rules(), {"eth0", ip("192.0.2.100"), kUdp, 53}), "open");
  EXPECT_EQ(tcp(53), "shut");
  EXPECT_EQ(verdict(rules(), {"eth0", ip("192.0.2.101"), kUdp, 53}), "shut");
  EXPECT_EQ(tcp(83), "shut");
  EXPECT_EQ(tcp(83, "192.0.2.101"), "open");
  EXPECT_EQ(verdict(rules(), {"eth0", ip("224.0.0.18"), kVrrp, 0}), "open");
}

TEST(DoctorRuleset, LeavesOpenWhatItCannotTell) {
  EXPECT_EQ(tcp(443), "some");  // by sender
  EXPECT_EQ(tcp(81), "some");   // by rate
}

TEST(DoctorRuleset, NamesTheRule) {
  const auto blocked = rules().blocking({"eth0", ip("192.0.2.100"), kTcp, 80});
  ASSERT_EQ(blocked.size(), 1U);
  EXPECT_EQ(blocked[0].rule, "the policy of chain input");
  EXPECT_EQ(blocked[0].family + blocked[0].table + blocked[0].chain, "inetfilterinput");
}

TEST(DoctorRuleset, RefusesWhatIsNone) {
  EXPECT_FALSE(Ruleset::parse("").has_value());
  EXPECT_FALSE(Ruleset::parse("[]").has_value());
  EXPECT_FALSE(Ruleset::parse(R"({"nftables": [{"chain": {}}]})").has_value());
  EXPECT_TRUE(Ruleset::parse(R"({"nftables": []})").has_value());
}

// ---- judged ----------------------------------------------------------------
std::string chain(const char* table, const char* hook, const char* rule) {
  const std::string at = std::string(R"("family": "inet", "table": ")") + table + R"(", )";
  return R"({"nftables": [{"chain": {)" + at + R"("name": "c", "type": "filter", "hook": ")" +
         hook + R"(", "prio": 0, "policy": "accept"}}, {"rule": {)" + at +
         R"("chain": "c", "handle": 4, "expr": [)" + rule + "]}}]}";
}

constexpr const char* kDropWeb =
    R"({"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
                  "right": 80}}, {"drop": null})";
constexpr const char* kDropVrrp =
    R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "vrrp"}},
       {"reject": null})";

Finding judge(Check check, const std::string& rules, config::Forward forward,
              std::size_t expected = 1) {
  auto config = one_router();
  config.services.push_back(service(forward));
  Firewall firewall;
  firewall.rules = Ruleset::parse(rules).value();
  Findings findings;
  judge_firewall(config, firewall, findings);
  const auto found = of(check, std::move(findings));
  EXPECT_EQ(found.size(), expected);
  return found.empty() ? Finding{} : found.front();
}

TEST(DoctorFirewall, DropsALocalService) {
  const auto finding =
      judge(Check::firewall_service, chain("filter", "input", kDropWeb), config::Forward::local);
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.what, "tcp port 80 is dropped by rule 4 of chain c (table inet filter)");
  EXPECT_EQ(finding.fix, "nft insert rule inet filter c ip daddr 192.0.2.100 tcp dport 80 accept");
  EXPECT_EQ(
      judge(Check::firewall_service, chain("filter", "output", kDropWeb), config::Forward::local)
          .severity,
      Severity::ok);
}

TEST(DoctorFirewall, IsPassedByWhatXdpForwards) {
  (void)judge(Check::firewall_service, chain("filter", "input", kDropWeb), config::Forward::nat, 0);
}

TEST(DoctorFirewall, IsOpenedByItsOwner) {
  EXPECT_EQ(
      judge(Check::firewall_service, chain("firewalld", "input", kDropWeb), config::Forward::local)
          .fix,
      "firewall-cmd --permanent --add-port=80/tcp\nfirewall-cmd --reload");
}

TEST(DoctorFirewall, DropsAdvertsThatOnlyKeepalivedWouldMiss) {
  const auto finding =
      judge(Check::firewall_vrrp, chain("filter", "input", kDropVrrp), config::Forward::nat);
  EXPECT_EQ(finding.severity, Severity::note);
  EXPECT_EQ(finding.fix, "nft insert rule inet filter c meta l4proto 112 accept");
  (void)judge(Check::firewall_vrrp, chain("filter", "input", kDropWeb), config::Forward::nat, 0);
}

TEST(DoctorFirewall, SaysWhatItDidNotLookAt) {
  Tree tree;
  tree.file("proc/net/ip_tables_names", "filter\nnat").file("proc/net/ip6_tables_names", "filter");
  Firewall firewall;
  firewall.legacy_tables = read_firewall(tree.root()).legacy_tables;
  EXPECT_EQ(firewall.legacy_tables, "filter nat");
  firewall.trouble = "nft is not installed";
  Findings findings;
  judge_firewall(one_router(), firewall, findings);
  EXPECT_EQ(of(Check::firewall_legacy, std::move(findings)).size(), 2U);
}

}  // namespace
}  // namespace tandem::doctor
