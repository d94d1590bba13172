// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "../base/command_lab.hpp"
#include "health/probe.hpp"
#include "run_probe.hpp"

namespace tandem::health {
namespace {

using tandem::testing::is_alive;
using testing::run_probe;
using testing::run_until;

class CommandProbeTest : public ::testing::Test {
 protected:
  std::unique_ptr<Probe> shell(const std::string& text) {
    return make_command_probe(loop_, {{"/bin/sh", "-c", text}});
  }
  // "PID end", or 0 as long as it is not written.
  static pid_t pid_in(const std::string& path) {
    std::ifstream file(path);
    pid_t pid = 0;
    std::string end;
    return file >> pid >> end ? pid : 0;
  }
  boost::asio::io_context loop_;
  tandem::testing::SafeDirectory directory_;
};

TEST_F(CommandProbeTest, PassesOnExitStatusZero) {
  const auto good = run_probe(loop_, *shell("echo fine"));
  EXPECT_TRUE(good.pass);
  EXPECT_EQ(good.detail, "exit status 0: fine");
  const auto bad = run_probe(loop_, *shell("echo first; echo disk full >&2; exit 2"));
  EXPECT_FALSE(bad.pass);
  EXPECT_EQ(bad.detail, "exit status 2: disk full");
}

TEST_F(CommandProbeTest, RefusesAnUnsafeCommandAtEachRun) {
  if (!directory_.usable()) GTEST_SKIP() << "needs root";
  const auto path = directory_.script("check", "exit 0");
  const auto probe = make_command_probe(loop_, {{path}});
  EXPECT_TRUE(run_probe(loop_, *probe).pass);
  ::chmod(path.c_str(), 0777);
  const auto result = run_probe(loop_, *probe);
  EXPECT_FALSE(result.pass);
  EXPECT_NE(result.detail.find("(mode 0777, owner root)"), std::string::npos) << result.detail;
  ::chmod(path.c_str(), 0755);
  EXPECT_TRUE(run_probe(loop_, *probe).pass);
}

TEST_F(CommandProbeTest, StopKillsTheCommandWithItsDescendants) {
  if (!directory_.usable()) GTEST_SKIP() << "needs root";
  const auto file = directory_ / "pid";
  const auto probe = shell("sleep 1000 & echo $! end > " + file + "; wait");
  probe->start([](const ProbeResult&) { ADD_FAILURE() << "called"; });
  ASSERT_TRUE(run_until(loop_, [&] { return pid_in(file) != 0; }));
  EXPECT_EQ(probe->stop(), "running the command");
  EXPECT_TRUE(run_until(loop_, [&] { return !is_alive(pid_in(file)); }));
}

TEST_F(CommandProbeTest, ANewRunWaitsForTheStoppedOneToEnd) {
  if (!directory_.usable()) GTEST_SKIP() << "needs root";
  const auto file = directory_ / "pid";
  const auto probe = shell("echo $$ end > " + file + "; test -e " + (directory_ / "go") +
                           " && exit 7; sleep 1000");
  probe->start([](const ProbeResult&) { ADD_FAILURE() << "called"; });
  ASSERT_TRUE(run_until(loop_, [&] { return pid_in(file) != 0; }));
  const auto first = pid_in(file);
  std::ofstream(directory_ / "go").put('\n');
  (void)probe->stop();
  const auto result = run_probe(loop_, *probe);  // begins while the first is not yet reaped
  EXPECT_EQ(result.detail, "exit status 7") << "the result of the second run, not of the first";
  EXPECT_NE(pid_in(file), first);
}

}  // namespace
}  // namespace tandem::health
