// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "node.hpp"

namespace tandem::archive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Not;

std::vector<std::string> paths(const Manifest& manifest) {
  std::vector<std::string> all;
  for (const auto& entry : manifest.entries) all.push_back(entry.path);
  return all;
}

TEST(Backup, HasWhatANodeNeeds) {
  const Node node;
  const auto backup = node.backed_up();
  EXPECT_THAT(paths(backup.manifest),
              IsSupersetOf({"/etc/nginx", "/etc/nginx/conf.d/a.conf", "/etc/nginx/nginx.conf",
                            "/etc/sysctl.d/90-gateway.conf", "/etc/tandem", "/etc/tandem/sync.key",
                            kConfig, "/opt/checks/web", "/srv/tls/a.key", "/srv/tls/live/a.pem",
                            "/srv/tls/store/a.pem"}));
  EXPECT_THAT(paths(backup.manifest), Not(Contains("/srv/tls/other.key")));
  EXPECT_THAT(paths(backup.manifest), Not(Contains("/bin/sh")));
  EXPECT_EQ(backup.path, node.archives() + "/tandem-node-a-20260102T030405Z.tar.gz");
  EXPECT_EQ(backup.manifest.time, "2026-01-02T03:04:05Z");
  EXPECT_EQ(backup.manifest.node, "node-a");
}

TEST(Backup, HasKeysWhereverTheyAre) {
  const Node node;
  node.write("/etc/keepalived/keys/1", "a secret", 0600);
  node.write("/srv/sync.key", "another", 0600);
  node.write(kConfig, R"([node]
name = "node-a"
[[interface]]
name = "eth0"
[sync]
listen = "198.51.100.2:9106"
peer = "198.51.100.3:9106"
key_file = "/srv/sync.key"
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
auth = { keys = [{ id = 1, file = "/etc/keepalived/keys/1" }] }
)");
  EXPECT_THAT(paths(node.backed_up().manifest),
              IsSupersetOf({"/etc/keepalived/keys/1", "/srv/sync.key"}));
}

TEST(Backup, IsForItsOwnerAlone) {
  const Node node;
  struct stat info {};
  ASSERT_EQ(stat(node.backed_up().path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  ASSERT_EQ(stat(node.archives().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
}

TEST(Backup, LeavesNothingHalfDoneWhereItCannotBeWritten) {
  const Node node;
  node.backed_up();
  const auto in_a_file = node.archives() + "/" + file_name("node-a", kNow) + "/below";
  EXPECT_FALSE(back_up(node.root(), kConfig, in_a_file, kNow));
  std::vector<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(node.archives()))
    names.push_back(item.path().filename().string());
  EXPECT_THAT(names, ElementsAre(file_name("node-a", kNow)));
}

TEST(Backup, AConfigurationWithMistakesIsBackedUpAndWarnedOf) {
  const Node node;
  node.write(kConfig, "[node]\nname = \"node-a\"\nnonsense = 1\n");
  const auto backup = node.backed_up();
  ASSERT_EQ(backup.warnings.size(), 1U);
  EXPECT_THAT(backup.warnings[0], testing::HasSubstr("tandem.toml:3:"));
}

TEST(Retention, DropsThisNodesOldOnesAndNeverTheNewest) {
  const Node node;
  using std::chrono::days;
  const auto old = node.backed_up(kNow - days(31)).path;
  const auto young = node.backed_up(kNow - days(30)).path;
  const std::string other = node.archives() + "/tandem-node-a-notes.tar.gz";
  const std::string of_b = node.archives() + "/" + file_name("node-b", kNow - days(99));
  for (const auto& path : {other, of_b}) std::ofstream(path) << "x";
  EXPECT_THAT(*drop_old(node.archives(), "node-a", days(30), kNow), ElementsAre(old));
  EXPECT_THAT(*drop_old(node.archives(), "node-a", days(30), kNow + days(99)), ElementsAre());
  for (const auto& path : {young, other, of_b}) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

}  // namespace
}  // namespace tandem::archive
