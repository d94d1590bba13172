// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "ctl/archive/digest.hpp"
#include "node.hpp"

namespace tandem::archive {
namespace {

using testing::HasSubstr;

TEST(Restore, BringsAWipedNodeBack) {
  const Node node;
  const auto backup = node.backed_up();
  std::filesystem::remove(node.at("/srv/tls/other.key"));  // is in no backup
  const auto before = node.picture();
  node.wipe();
  ASSERT_TRUE(node.restore(backup.path));
  // Directories above what is in the archive come back with the usual mode.
  EXPECT_EQ(node.picture(), before);
  EXPECT_FALSE(std::filesystem::exists(node.aside()));
}

TEST(Restore, KeepsAsideWhatItReplaces) {
  const Node node;
  const auto backup = node.backed_up();
  const auto first = node.picture();
  node.write(kConfig, "changed", 0600);
  chmod(node.at("/etc/tandem/sync.key").c_str(), 0644);
  node.write("/etc/nginx/conf.d/b.conf", "# new");
  const auto second = node.picture();
  ASSERT_TRUE(node.restore(backup.path));
  EXPECT_EQ(node.mode("/etc/tandem/sync.key"), 0600U);
  EXPECT_EQ(node.read("/etc/nginx/conf.d/b.conf"), "# new");
  std::filesystem::remove(node.at("/etc/nginx/conf.d/b.conf"));
  EXPECT_EQ(node.picture(), first);
  node.write("/etc/nginx/conf.d/b.conf", "# new");
  ASSERT_TRUE(node.restore(node.aside()));
  EXPECT_EQ(node.picture(), second);
}

TEST(Restore, OfWhatIsThereChangesNothing) {
  const Node node;
  const auto manifest = read_archive(node.backed_up().path);
  const auto tree = Tree::open(node.root());
  EXPECT_TRUE(changes(*tree, *manifest)->empty());
}

TEST(Restore, ADamagedArchiveChangesNothing) {
  const Node node;
  const auto path = node.backed_up().path;
  node.write(kConfig, "changed");
  const auto before = node.picture();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_FALSE(node.restore(path));
  EXPECT_EQ(node.picture(), before);
}

TEST(Restore, ADirectoryInTheWayChangesNothing) {
  const Node node;
  const auto path = node.backed_up().path;
  std::filesystem::remove(node.at(kConfig));
  std::filesystem::create_directory(node.at(kConfig));
  node.write("/etc/nginx/nginx.conf", "changed");
  const auto before = node.picture();
  const auto restored = node.restore(path);
  ASSERT_FALSE(restored);
  EXPECT_THAT(restored.error().message, HasSubstr("is a directory here"));
  EXPECT_EQ(node.picture(), before);
}

TEST(Restore, WhatCannotBeStagedChangesNothing) {
  const Node node;
  const auto path = node.backed_up().path;
  node.write("/etc/nginx/nginx.conf", "changed");
  std::filesystem::remove_all(node.at("/srv"));
  node.write("/srv", "a file where a directory was");
  const auto before = node.picture();
  EXPECT_FALSE(node.restore(path));
  EXPECT_EQ(node.picture(), before);
}

TEST(Restore, LinksOfTheNodeDoNotLeadOutOfItsRoot) {
  const Node node;
  const auto path = node.backed_up().path;
  node.wipe();
  std::filesystem::create_directories(node.at("/elsewhere"));
  node.link("/etc", "/elsewhere");  // an absolute one: below the root, not this machine's
  ASSERT_TRUE(node.restore(path));
  EXPECT_EQ(node.read("/elsewhere/tandem/sync.key"), "secret");
}

}  // namespace
}  // namespace tandem::archive
