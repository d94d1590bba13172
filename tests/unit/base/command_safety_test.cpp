// SPDX-License-Identifier: Apache-2.0
#include "base/command_safety.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "command_lab.hpp"

namespace tandem {
namespace {

std::string refusal(const std::string& path) {
  const auto result = check_command_is_safe(path);
  return result ? "" : result.error().message;
}

void expect_refused(const std::string& path, const std::string& part) {
  const auto message = refusal(path);
  EXPECT_NE(message.find(part), std::string::npos) << path << ": \"" << message << '"';
}

TEST(CommandSafety, WantsAnAbsolutePathToAnExecutableFile) {
  expect_refused("", "is not an absolute path");
  expect_refused("true", "command \"true\" is refused: is not an absolute path");
  expect_refused("bin/true", "is not an absolute path");
  expect_refused("/nonexistent/x", "/nonexistent: No such file or directory");
  expect_refused("/dev/null", "/dev/null is not a regular file");
  expect_refused("/usr/bin", "is a directory");
  expect_refused("/", "is a directory");
  expect_refused("/etc/passwd/x", "/etc/passwd is not a directory");
}

TEST(CommandSafety, AcceptsTheSystemsOwnThroughLinks) {
  EXPECT_EQ(refusal("/bin/sh"), "");
  EXPECT_EQ(refusal("//usr/./bin/../bin/env"), "");
}

class CommandSafetyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!directory_.usable()) GTEST_SKIP() << "needs root";
    script_ = directory_.script("ok", "exit 0");
  }
  testing::SafeDirectory directory_;
  std::string script_;
};

TEST_F(CommandSafetyFiles, AcceptsAFileOnlyRootCanWrite) {
  EXPECT_EQ(refusal(script_), "");
}

TEST_F(CommandSafetyFiles, RefusesAFileOthersCanChange) {
  ::chmod(script_.c_str(), 0775);
  expect_refused(script_, "the file " + script_ + " (mode 0775, owner root)");
  expect_refused(script_, "fix it with \"chmod go-w " + script_ + "\"");
  ::chmod(script_.c_str(), 0757);
  expect_refused(script_, "can be written by other users");
  ::chmod(script_.c_str(), 0755);
  ASSERT_EQ(::chown(script_.c_str(), 65534, 0), 0);
  expect_refused(script_, "fix it with \"chown root " + script_ + "\"");
}

TEST_F(CommandSafetyFiles, RefusesAFileThatIsNotExecutable) {
  ::chmod(script_.c_str(), 0644);
  expect_refused(script_, "(mode 0644, owner root) is not executable");
}

TEST_F(CommandSafetyFiles, RefusesADirectoryOthersCanWrite) {
  const auto sub = directory_ / "sub";
  ::mkdir(sub.c_str(), 0755);
  const auto inner = directory_.script("sub/x", "exit 0");
  EXPECT_EQ(refusal(inner), "");
  ::chmod(sub.c_str(), 0770);
  expect_refused(inner, "the directory " + sub + " (mode 0770, owner root)");
  ::chmod(sub.c_str(), 01777);
  expect_refused(inner, "move the command to a directory that only root can write");
  ::chmod(sub.c_str(), 0755);
  ASSERT_EQ(::chown(sub.c_str(), 65534, 0), 0);
  expect_refused(inner, "chown root " + sub);
}

TEST_F(CommandSafetyFiles, RefusesTmp) {
  std::string name = "/tmp/tandem-test-XXXXXX";
  const int file = ::mkstemp(name.data());
  ASSERT_GE(file, 0);
  ::close(file);
  ::chmod(name.c_str(), 0755);
  expect_refused(name, "the directory /tmp (mode 1777, owner root)");
  ::unlink(name.c_str());
}

TEST_F(CommandSafetyFiles, FollowsLinksAndJudgesEveryDirectoryOnTheWay) {
  const auto open = directory_ / "open";
  ::mkdir(open.c_str(), 0755);
  const auto middle = open + "/middle";  // first -> open/middle -> ok: neither end is in `open`
  const auto first = directory_ / "first";
  ASSERT_EQ(::symlink("../ok", middle.c_str()), 0);
  ASSERT_EQ(::symlink("open/middle", first.c_str()), 0);
  EXPECT_EQ(refusal(first), "");
  ::chmod(open.c_str(), 0777);
  expect_refused(first, "the directory " + open + " (mode 0777");
}

TEST_F(CommandSafetyFiles, RefusesALoopOfLinks) {
  const auto a = directory_ / "a";
  ASSERT_EQ(::symlink("a", a.c_str()), 0);
  expect_refused(a, "one symbolic link too many");
}

}  // namespace
}  // namespace tandem
