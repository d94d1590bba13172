// SPDX-License-Identifier: Apache-2.0
// What is said of two files that do not make a pair.
#include "config/pair.hpp"

#include <gtest/gtest.h>

#include "source_files.hpp"

namespace tandem::config {
namespace {

constexpr const char* kNodeA = R"([node]
name = "a"
[[interface]]
name = "eth0"
[sync]
listen = "192.0.2.2:9106"
peer = "192.0.2.3:9106"
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
priority = 150
addresses = ["192.0.2.100/24"]
[[service]]
name = "web"
address = "192.0.2.100"
port = 80
forward = "dsr"
backends = [{ address = "192.0.2.21" }]
)";

// `text` with each of the changes made.
std::string changed(std::string text,
                    const std::vector<std::pair<std::string, std::string>>& changes) {
  for (const auto& [from, to] : changes) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  }
  return text;
}

const std::vector<std::pair<std::string, std::string>> kOther = {
    {"\"a\"", "\"b\""},
    {"listen = \"192.0.2.2", "listen = \"192.0.2.3"},
    {"peer = \"192.0.2.3", "peer = \"192.0.2.2"},
    {"priority = 150", "priority = 100"}};

std::string said(const std::string& theirs, const std::string& own = kNodeA) {
  const auto ours = parse(own);
  const auto peer = parse(theirs);
  EXPECT_TRUE(ours.good() && peer.good());
  std::string text;
  for (const auto& problem : compare_pair(ours.config, peer.config))
    text += format(problem, "a") + '\n';
  return text;
}

TEST(ThePair, IsGoodWhereNodesDifferAsTheyHaveTo) {
  EXPECT_EQ(said(changed(kNodeA, kOther)), "");
}

TEST(ThePair, IsToldWhatBreaksIt) {
  EXPECT_EQ(
      said(kNodeA),
      "a:0:0: node: name: both are called \"a\", expected names that differ\n"
      "a:8:1: warning: vrrp \"VI_1\": priority: 150 is the peer's, too: the greater address "
      "decides, expected priorities that differ\n"
      "a:0:0: sync: listen: is not the peer's `peer`, expected the same, in the same order\n"
      "a:0:0: sync: peer: is not the peer's `listen`, expected the same, in the same order\n");
  auto changes = kOther;
  changes.emplace_back("vrid = 51", "vrid = 51\nadvert_interval = \"2s\"\ndown_adverts = 5");
  changes.emplace_back("\"dsr\"", "\"tunnel\"");
  changes.emplace_back("[\"192.0.2.100/24\"]", "[\"192.0.2.100/24\", \"192.0.2.101/24\"]");
  EXPECT_EQ(said(changed(kNodeA, changes)),
            "a:8:1: vrrp \"VI_1\": addresses: 192.0.2.100 here and 192.0.2.100, 192.0.2.101 at the "
            "peer, expected the same on both\n"
            "a:8:1: vrrp \"VI_1\": advert_interval: 1s here and 2s at the peer, expected the same "
            "on both\n"
            "a:8:1: vrrp \"VI_1\": down_adverts: 3 here and 5 at the peer, expected the same on "
            "both\n"
            "a:14:1: warning: service \"web\": forward: differs from the peer's, expected the same "
            "on both\n");
}

// Each step of a change to signed adverts, and to another key, has one node ahead of the other.
TEST(ThePair, SignsAsTheOtherNodeTakesIt) {
  const auto with = [](const std::string& text, const std::string& auth) {
    return changed(text, {{"vrid = 51", "vrid = 51\n" + auth}});
  };
  const auto auth = [](const std::string& mode, const std::string& ids, const char* active) {
    std::string keys;
    for (const char id : ids)
      keys +=
          std::string(keys.empty() ? "" : ", ") + "{ id = " + id + ", file = \"/k/" + id + "\" }";
    return "auth = { keys = [" + keys + "], active_key = " + active + ", mode = \"" + mode + "\" }";
  };
  const std::string b = changed(kNodeA, kOther);
  EXPECT_EQ(said(with(b, auth("receive-only", "1", "1"))), "");
  EXPECT_EQ(said(with(b, auth("permissive", "1", "1"))), "");
  EXPECT_EQ(said(with(b, auth("enforce", "12", "2")), with(kNodeA, auth("enforce", "12", "1"))),
            "");
  EXPECT_EQ(said(with(b, auth("enforce", "1", "1"))),
            "a:8:1: vrrp \"VI_1\": auth: adverts from here are not signed, and the peer drops "
            "them, expected the same auth on both\n");
  EXPECT_EQ(said(with(b, auth("enforce", "12", "2")), with(kNodeA, auth("permissive", "1", "1"))),
            "a:8:1: vrrp \"VI_1\": auth: adverts of the peer are signed with key 2, and this node "
            "drops them, expected the same auth on both\n");
}

TEST(ThePair, HasTheSameVirtualRoutersAndServices) {
  auto changes = kOther;
  changes.emplace_back("vrid = 51", "vrid = 52");
  changes.emplace_back("port = 80", "port = 81");
  EXPECT_EQ(said(changed(kNodeA, changes)),
            "a:8:1: vrrp \"VI_1\": the peer has no virtual router with VRID 51 and IPv4, expected "
            "one\n"
            "a:0:0: vrrp: the peer has \"VI_1\" with VRID 52, expected the same here\n"
            "a:14:1: warning: service \"web\": the peer has none on 192.0.2.100:80, expected the "
            "same there\n"
            "a:0:0: warning: service: the peer has \"web\" on 192.0.2.100:81, expected the same "
            "here\n");
}

TEST(ThePair, OfShippedFilesFits) {
  const auto a = load_file(std::string(TANDEM_SOURCE) + "/configs/node-a.toml");
  const auto b = load_file(std::string(TANDEM_SOURCE) + "/configs/node-b.toml");
  for (const auto& problem : compare_pair(a.config, b.config))
    ADD_FAILURE() << format(problem, "node-a.toml");
}

TEST(ThePair, MayHaveOneFile) {
  const std::string file = std::string(TANDEM_SOURCE) + "/configs/one-file.toml";
  EXPECT_EQ(other_node(file, "gw-a"), "gw-b");
  EXPECT_EQ(other_node(file, "gw-b"), "gw-a");
  const auto a = load_file(file, "gw-a");
  const auto b = load_file(file, "gw-b");
  ASSERT_TRUE(a.good() && b.good());
  EXPECT_EQ(a.config.node.name, "gw-a");
  EXPECT_EQ(b.config.vrrp[1].priority, 150);
  EXPECT_EQ(a.config.sync->listen, b.config.sync->peer);
  for (const auto& problem : compare_pair(a.config, b.config))
    ADD_FAILURE() << format(problem, "one-file.toml");
}

}  // namespace
}  // namespace tandem::config
