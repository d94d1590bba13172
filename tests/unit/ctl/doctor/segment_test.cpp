// SPDX-License-Identifier: Apache-2.0
// Who speaks VRRP, and who answers for addresses: heard by the doctor, or by the daemon.
#include "ctl/doctor/segment.hpp"

#include "ctl/doctor/claims.hpp"
#include "tree.hpp"

namespace tandem::doctor {
namespace {

using nlohmann::json;

Heard advert(const char* source, std::uint8_t vrid = 51) {
  Heard heard;
  heard.interface = "eth0";
  heard.advert.source = ip(source);
  heard.advert.destination = wire::vrrp_group(Family::ipv4);
  heard.advert.advert.vrid = vrid;
  heard.advert.advert.priority = 150;
  heard.advert.advert.interval = std::chrono::seconds(1);
  heard.advert.advert.addresses = {ip("192.0.2.100")};
  return heard;
}

Segment heard(std::vector<Heard> adverts) {
  Segment segment;
  segment.heard = std::move(adverts);
  segment.listened = {"eth0"};
  return segment;
}

std::vector<Finding> judge(Check check, const Segment& segment,
                           const config::Config& config = one_router()) {
  Findings findings;
  judge_heard(config, segment, findings);
  return of(check, std::move(findings));
}

TEST(DoctorSegment, HearsOnePeer) {
  const auto segment = heard({advert("192.0.2.3"), advert("192.0.2.3")});
  EXPECT_EQ(judge(Check::vrrp_speakers, segment).at(0).severity, Severity::ok);
  EXPECT_TRUE(judge(Check::vrrp_peer, segment).empty());
  EXPECT_TRUE(judge(Check::vrrp_foreign, segment).empty());
}

TEST(DoctorSegment, HearsARogue) {
  const auto finding =
      judge(Check::vrrp_speakers, heard({advert("192.0.2.3"), advert("192.0.2.9")})).at(0);
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.what, "adverts of several senders: 192.0.2.3 and 192.0.2.9");
  auto config = one_router();
  config.vrrp[0].unicast_peers = {ip("192.0.2.3")};
  EXPECT_EQ(judge(Check::vrrp_speakers, heard({advert("192.0.2.9")}), config).at(0).severity,
            Severity::error);
}

TEST(DoctorSegment, TellsWhatDiffersAtThePeer) {
  struct Case {
    const char* what;
    Severity severity;
    void (*change)(wire::Advert& advert);
  };
  for (const auto& [what, severity, change] :
       {Case{"192.0.2.3 speaks version 2, this node 3", Severity::error,
             [](auto& a) { a.version = 2; }},
        Case{"192.0.2.3 sends every 100 ms, this node would every 1000 ms", Severity::warning,
             [](auto& a) { a.interval = std::chrono::milliseconds(100); }},
        Case{"192.0.2.3 advertises other addresses than this node has", Severity::warning,
             [](auto& a) { a.addresses.push_back(ip("192.0.2.101")); }},
        Case{"192.0.2.3 has the same priority, 100", Severity::warning,
             [](auto& a) { a.priority = 100; }}}) {
    auto changed = advert("192.0.2.3");
    change(changed.advert.advert);
    const auto found = judge(Check::vrrp_peer, heard({changed}));
    ASSERT_EQ(found.size(), 1U) << what;
    EXPECT_EQ(found[0].what, what);
    EXPECT_EQ(found[0].severity, severity) << what;
  }
}

TEST(DoctorSegment, TellsAnotherPasswordInVersion2) {
  auto config = one_router();
  config.vrrp[0].version = 2;
  config.vrrp[0].password = "secret";
  auto peer = advert("192.0.2.3");
  peer.advert.advert.version = 2;
  EXPECT_EQ(judge(Check::vrrp_peer, heard({peer}), config).size(), 1U);
  peer.advert.advert.password = wire::Password{'s', 'e', 'c', 'r', 'e', 't'};
  EXPECT_TRUE(judge(Check::vrrp_peer, heard({peer}), config).empty());
}

TEST(DoctorSegment, SaysWhereItCannotHear) {
  Segment deaf;
  EXPECT_EQ(judge(Check::vrrp_speakers, deaf).at(0).severity, Severity::note);
  EXPECT_EQ(judge(Check::vrrp_foreign, heard({advert("192.0.2.8", 7)})).at(0).severity,
            Severity::note);
}

// ---- addresses -------------------------------------------------------------
Finding judge_answers(std::set<MacAddress> answers, const Segment& base,
                      const std::optional<DaemonView>& view = std::nullopt,
                      const char* router = "VI_1") {
  Segment segment = base;
  segment.probed.push_back({"eth0", ip("192.0.2.100"), router, std::move(answers)});
  Findings findings;
  judge_conflicts(one_router(), segment, view, findings);
  auto all = std::move(findings).take();
  EXPECT_EQ(all.size(), 1U);
  return all.at(0);
}

std::optional<DaemonView> daemon_with(bool active) {
  DaemonView view;
  view.routers.emplace_back();
  view.routers.back().name = "VI_1";
  view.routers.back().active = active;
  return view;
}

TEST(DoctorConflicts, TwoAnswer) {
  const auto finding = judge_answers({mac(8), mac(9)}, heard({}));
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.what, "02:00:00:00:00:08 and 02:00:00:00:00:09 all answer for it");
  EXPECT_NE(finding.fix.find("ip address del 192.0.2.100/24 dev "), std::string::npos);
}

// Two nodes that do not hear each other: to take the address off one of them helps nobody.
TEST(DoctorConflicts, InASplitBrainNoAddressIsToBeTakenOff) {
  DaemonView heard_it = *daemon_with(true), dropped_it = heard_it, drops_it = heard_it;
  drops_it.routers[0].dropped = 3;
  heard_it.routers[0].received = 3;
  dropped_it.dropped.insert({"eth0", "192.0.2.3", "version", 51});
  const MacAddress virtual_one = virtual_mac(Family::ipv4, 51);
  for (const Finding& finding :
       {judge_answers({mac(9)}, heard({}), heard_it),
        judge_answers({mac(9)}, heard({}), dropped_it),
        judge_answers({virtual_one}, heard({}), daemon_with(true)),
        judge_answers({mac(9)}, heard({}), drops_it),
        judge_answers({mac(8), mac(9)}, heard({advert("192.0.2.8", 51)}))}) {
    EXPECT_EQ(finding.severity, Severity::error);
    EXPECT_EQ(finding.fix.find("address del"), std::string::npos) << finding.fix;
    EXPECT_NE(finding.fix.find("tandemctl vrrp"), std::string::npos) << finding.fix;
  }
}

TEST(DoctorConflicts, OneAnswersWhoShouldNot) {
  EXPECT_EQ(judge_answers({mac(9)}, heard({}), daemon_with(true)).severity, Severity::error);
  EXPECT_EQ(judge_answers({mac(9)}, heard({}), daemon_with(false)).severity, Severity::ok);
  EXPECT_EQ(judge_answers({mac(9)}, heard({})).severity, Severity::warning);
  EXPECT_EQ(judge_answers({mac(9)}, heard({advert("192.0.2.3")})).severity, Severity::ok);
  EXPECT_EQ(judge_answers({}, heard({}), daemon_with(true)).severity, Severity::ok);
}

TEST(DoctorConflicts, AnotherHasThisNodesOwn) {
  const auto finding = judge_answers({mac(9)}, heard({}), std::nullopt, "");
  EXPECT_EQ(finding.check, Check::address_own);
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(judge_answers({}, heard({}), std::nullopt, "").severity, Severity::ok);
}

TEST(DoctorClaims, ArpProbesClaimNothing) {
  auto packet = arp_probe(mac(1), ip("192.0.2.100"));
  EXPECT_FALSE(arp_claim(packet));
  packet[14] = 192, packet[15] = 0, packet[16] = 2, packet[17] = 9;  // now it is a request of .9's
  const auto claim = arp_claim(packet);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->address, ip("192.0.2.9"));
  EXPECT_EQ(claim->mac, mac(1));
  EXPECT_FALSE(arp_claim(std::span(packet).first(27)));
  packet[4] = 8;
  EXPECT_FALSE(arp_claim(packet));
}

// The bytes that Linux sends when an address is added (ndisc_send_ns), as tcpdump shows them.
TEST(DoctorClaims, SolicitationsAreThoseOfDuplicateDetection) {
  const auto packet = nd_probe(ip("2001:db8::100"));
  const std::array<std::uint8_t, 64> expected{
      0x60, 0,    0,    0,    0,    24, 58,   255, 0,    0,    0,    0,    0, 0, 0,    0,
      0,    0,    0,    0,    0,    0,  0,    0,   0xff, 0x02, 0,    0,    0, 0, 0,    0,
      0,    0,    0,    1,    0xff, 0,  0x01, 0,   135,  0,    0x4a, 0xef, 0, 0, 0,    0,
      0x20, 0x01, 0x0d, 0xb8, 0,    0,  0,    0,   0,    0,    0,    0,    0, 0, 0x01, 0};
  EXPECT_EQ(packet, expected);
  EXPECT_FALSE(nd_claim(packet));
}

TEST(DoctorClaims, AdvertisementsClaimTheirTarget) {
  std::array<std::uint8_t, 72> packet{};
  std::ranges::copy(nd_probe(ip("2001:db8::100")), packet.begin());
  packet[40] = 136;
  packet[64] = 2, packet[65] = 1;
  std::ranges::copy(mac(9).bytes, &packet[66]);
  const auto claim = nd_claim(packet);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->address, ip("2001:db8::100"));
  EXPECT_EQ(claim->mac, mac(9));
  EXPECT_FALSE(nd_claim(std::span(packet).first(71)));
  packet[7] = 254;  // came through a router
  EXPECT_FALSE(nd_claim(packet));
}

// ---- what the daemon hears -------------------------------------------------
json router_document(const char* state, const char* peer, int received) {
  json router = {{"name", "VI_1"},
                 {"state", state},
                 {"peer", {{"address", peer}, {"priority", 90}}},
                 {"priority", {{"effective", 100}}},
                 {"adverts", {{"received", received}}},
                 {"address_mismatches", 3},
                 {"interval_mismatches", 0},
                 {"warnings", json::array()}};
  return {{"routers", {router}}};
}

DaemonView view_of(const std::vector<json>& samples, const json& events = json::array()) {
  return DaemonView::parse({{"config_file", "/etc/t.toml"},
                            {"warnings", {"something is lost"}},
                            {"vrrp_thread", {{"realtime", true}, {"memory_locked", false}}}},
                           samples, {{"events", events}});
}

std::vector<Finding> judge_view(Check check, const DaemonView& view) {
  Findings findings;
  judge_daemon(view, "", 0, "/etc/t.toml", findings);
  judge_heard_by_daemon(one_router(), view, findings);
  return of(check, std::move(findings));
}

TEST(DoctorDaemon, GrowthCountsAndNotThePast) {
  const auto quiet = view_of(
      {router_document("Active", "192.0.2.3", 7), router_document("Active", "192.0.2.3", 7)});
  EXPECT_EQ(judge_view(Check::vrrp_speakers, quiet).at(0).severity, Severity::ok);
  EXPECT_TRUE(judge_view(Check::vrrp_peer, quiet).empty());
  const auto loud = view_of(
      {router_document("Active", "192.0.2.9", 7), router_document("Active", "192.0.2.9", 17)});
  EXPECT_EQ(judge_view(Check::vrrp_speakers, loud).at(0).what,
            "192.0.2.9 goes on sending adverts (priority 90) although this node is Active");
  const auto two = view_of(
      {router_document("Backup", "192.0.2.3", 7), router_document("Backup", "192.0.2.9", 8)});
  EXPECT_EQ(judge_view(Check::vrrp_speakers, two).at(0).severity, Severity::error);
}

TEST(DoctorDaemon, DroppedAdvertsAreNamed) {
  const auto dropped = [](const char* reason, int vrid) {
    return json{{"kind", "dropped_advert"},
                {"interface", "eth0"},
                {"source", "192.0.2.9"},
                {"vrid", vrid},
                {"reason", reason}};
  };
  const std::vector<json> samples{router_document("Active", "192.0.2.3", 7)};
  const auto view = view_of(samples, {dropped("version", 51),
                                      dropped("version", 51),
                                      dropped("unknown_vrid", 7),
                                      dropped("not_a_peer", 51),
                                      {{"kind", "notice"}, {"text", "hi"}}});
  const auto peer = judge_view(Check::vrrp_peer, view);
  ASSERT_EQ(peer.size(), 1U);  // once, however many there were
  EXPECT_EQ(peer[0].what, "adverts of 192.0.2.9 with VRID 51 are dropped: version");
  EXPECT_EQ(judge_view(Check::vrrp_foreign, view).size(), 1U);
  EXPECT_EQ(judge_view(Check::vrrp_speakers, view).at(0).severity, Severity::error);
}

TEST(DoctorDaemon, SaysWhatItSays) {
  const auto view = view_of({router_document("Active", "192.0.2.3", 7)});
  EXPECT_EQ(judge_view(Check::daemon_warnings, view).at(0).what, "something is lost");
  EXPECT_EQ(judge_view(Check::kernel_memlock, view).at(0).severity, Severity::warning);
  Findings findings;
  judge_daemon(std::nullopt, "no answer", 0, "/etc/t.toml", findings);
  EXPECT_EQ(worst(Check::daemon_running, std::move(findings)).fix, "systemctl start tandemd");
  Findings running;
  judge_daemon(std::nullopt, "no answer", 7, "/etc/t.toml", running);
  EXPECT_EQ(worst(Check::daemon_running, std::move(running)).fix, "") << "it runs already";
}

}  // namespace
}  // namespace tandem::doctor
