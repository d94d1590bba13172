// SPDX-License-Identifier: Apache-2.0
#include "base/child_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "base/descriptor.hpp"
#include "command_lab.hpp"

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::is_alive;

Command shell(const std::string& text) {
  return {.argv = {"/bin/sh", "-c", text}};
}

// A set of signals from the text of /proc/PID/status, bit 0 for signal 1.
std::uint64_t signals(const std::string& status, const std::string& name) {
  const auto at = status.find(name);
  return at == std::string::npos ? ~0ULL
                                 : std::stoull(status.substr(at + name.size()), nullptr, 16);
}

class ChildProcessTest : public ::testing::Test {
 protected:
  // Starts the command and runs the loop until nothing is left to do in it.
  ChildOutcome run(const Command& command) {
    std::optional<ChildOutcome> outcome;
    int calls = 0;
    auto child = ChildProcess::start(loop_, command, [&](const ChildOutcome& result) {
      ++calls;
      outcome = result;
    });
    EXPECT_TRUE(child) << child.error().message;
    if (!child) return {};
    EXPECT_EQ(calls, 0);
    loop_.restart();
    loop_.run();
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(child->running());
    return outcome.value_or(ChildOutcome{});
  }

  // Runs the loop until the text file holds a number, which it returns.
  pid_t wait_for_pid_in(const std::string& path) {
    for (int i = 0; i < 500; ++i) {
      testing::run_for_a_while(loop_);
      std::ifstream file(path);
      pid_t pid = 0;
      std::string end;
      if (file >> pid >> end && end == "end") return pid;
    }
    ADD_FAILURE() << path << " was not written";
    return 0;
  }

  void expect_gone(pid_t pid) {
    for (int i = 0; i < 500 && is_alive(pid); ++i) {
      testing::run_for_a_while(loop_);
    }
    EXPECT_FALSE(is_alive(pid)) << pid;
  }

  boost::asio::io_context loop_;
  testing::SafeDirectory directory_;
};

TEST_F(ChildProcessTest, ReportsExitStatusAndOutput) {
  const auto outcome = run(shell("echo one; echo two >&2; exit 3"));
  EXPECT_EQ(outcome.kind, ChildOutcome::Kind::exited);
  EXPECT_EQ(outcome.status, 3);
  EXPECT_FALSE(outcome.success());
  EXPECT_EQ(outcome.output, "one\ntwo\n");
  EXPECT_EQ(outcome.to_string(), "exit status 3: two");
  EXPECT_TRUE(run({.argv = {"/bin/true"}}).success());
}

TEST_F(ChildProcessTest, ReportsASignal) {
  const auto outcome = run(shell("kill -SEGV $$"));
  EXPECT_EQ(outcome.kind, ChildOutcome::Kind::signalled);
  EXPECT_EQ(outcome.to_string(), "killed by signal 11");
}

TEST_F(ChildProcessTest, KeepsTheEndOfLongOutput) {
  const auto outcome =
      run(shell("i=0; while [ $i -lt 20000 ]; do echo line-$i; i=$((i+1)); done; echo last"));
  EXPECT_TRUE(outcome.success());
  EXPECT_EQ(outcome.output.size(), ChildProcess::kOutputBytes);
  EXPECT_EQ(outcome.last_line(), "last");
}

TEST_F(ChildProcessTest, LastLineIsSafeToLog) {
  EXPECT_EQ((ChildOutcome{.output = "a\n\x1b[31mred\x07\n\n"}.last_line()), " [31mred ");
  EXPECT_EQ(ChildOutcome{.output = std::string(1000, 'x')}.last_line().size(), 200U);
  EXPECT_EQ(ChildOutcome{.output = "\n \n"}.last_line(), "");
}

TEST_F(ChildProcessTest, CannotRunWhatIsNotThere) {
  const auto child =
      ChildProcess::start(loop_, {.argv = {"/nonexistent/x"}}, [](const ChildOutcome&) {});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message, "cannot run /nonexistent/x: No such file or directory");
  EXPECT_FALSE(ChildProcess::start(loop_, {}, nullptr));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST_F(ChildProcessTest, HasACleanEnvironment) {
  ::setenv("TANDEM_LEAK", "yes", 1);
  auto command = Command{.argv = {"/usr/bin/env"}, .environment = {"TANDEM_STATE=Active"}};
  const auto outcome = run(command);
  EXPECT_EQ(outcome.output,
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/\n"
            "LANG=C.UTF-8\nTANDEM_STATE=Active\n");
  EXPECT_EQ(run(shell("pwd")).output, "/\n");
}

TEST_F(ChildProcessTest, InheritsNoDescriptor) {
  const Descriptor leaky(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, on purpose
  const auto number = std::to_string(leaky.get());
  EXPECT_EQ(run(shell("for n in 3 4 5 6 7 8 9 " + number +
                      "; do test -e /proc/$$/fd/$n && echo $n; done; readlink /proc/$$/fd/0"))
                .output,
            "/dev/null\n");
}

TEST_F(ChildProcessTest, WorksWithStandardDescriptorsClosed) {
  const Descriptor saved(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
  ::close(STDIN_FILENO);  // the pipe will take the lowest number
  const auto outcome = run(shell("echo out; echo err >&2; readlink /proc/$$/fd/0"));
  if (saved) ::dup2(saved.get(), STDIN_FILENO);
  EXPECT_EQ(outcome.output, "out\nerr\n/dev/null\n");
}

TEST_F(ChildProcessTest, HasDefaultSignalsAndANewGroup) {
  sigset_t some;
  sigset_t before;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  sigaddset(&some, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &some, &before);
  const auto old_handler = ::signal(SIGPIPE, SIG_IGN);
  const auto outcome = run({.argv = {"/bin/cat", "/proc/self/status"}});
  ::signal(SIGPIPE, old_handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(signals(outcome.output, "SigBlk:"), 0U);
  // glibc keeps two of its own, 32 and 33, for threads, and has them ignored in every child.
  EXPECT_EQ(signals(outcome.output, "SigIgn:") & ~0x180000000U, 0U);

  const auto group = run({.argv = {"/usr/bin/cut", "-d ", "-f1,5", "/proc/self/stat"}});
  std::istringstream numbers(group.output);
  pid_t pid = 0;
  pid_t pgid = 0;
  ASSERT_TRUE(numbers >> pid >> pgid);
  EXPECT_EQ(pid, pgid);
  EXPECT_NE(pgid, ::getpgrp());
}

TEST_F(ChildProcessTest, HasNormalSchedulingUnderARealTimeParent) {
  const sched_param urgent{.sched_priority = 1};
  if (::pthread_setschedparam(::pthread_self(), SCHED_RR, &urgent) != 0) {
    GTEST_SKIP() << "needs CAP_SYS_NICE";
  }
  const auto outcome = run({.argv = {"/usr/bin/cut", "-d ", "-f40,41", "/proc/self/stat"}});
  const sched_param normal{};
  ::pthread_setschedparam(::pthread_self(), SCHED_OTHER, &normal);
  EXPECT_EQ(outcome.output, "0 0\n") << "real-time priority, policy";
}

TEST_F(ChildProcessTest, TimeoutKillsTheWholeGroup) {
  if (!directory_.usable()) GTEST_SKIP() << "needs root";
  const auto file = directory_ / "pid";
  auto command = shell("trap '' TERM; sleep 1000 & echo $! end > " + file + "; wait");
  command.timeout = 300ms;
  const auto outcome = run(command);
  EXPECT_EQ(outcome.kind, ChildOutcome::Kind::timed_out);
  EXPECT_EQ(outcome.to_string(), "timed out");
  expect_gone(wait_for_pid_in(file));
}

TEST_F(ChildProcessTest, DescendantsAreKilledAtTheEndUnlessKept) {
  if (!directory_.usable()) GTEST_SKIP() << "needs root";
  const auto file = directory_ / "pid";
  auto command = shell("sleep 1000 & echo $! end > " + file);
  EXPECT_TRUE(run(command).success()) << "though the sleep holds the pipe open";
  expect_gone(wait_for_pid_in(file));

  command.keep_descendants = true;
  EXPECT_TRUE(run(command).success());
  const auto pid = wait_for_pid_in(file);
  EXPECT_TRUE(is_alive(pid));
  ::kill(pid, SIGKILL);
}

TEST_F(ChildProcessTest, DestroyingKillsTheGroupAndReapsWithoutACall) {
  if (!directory_.usable()) GTEST_SKIP() << "needs root";
  const auto file = directory_ / "pid";
  std::optional<ChildProcess> child;
  child = *ChildProcess::start(loop_, shell("sleep 1000 & echo $! end > " + file + "; wait"),
                               [](const ChildOutcome&) { ADD_FAILURE() << "called"; });
  const auto grandchild = wait_for_pid_in(file);
  const auto pid = child->pid();
  EXPECT_TRUE(is_alive(grandchild));
  child.reset();
  expect_gone(grandchild);
  loop_.restart();
  loop_.run();  // ends when the process is reaped
  EXPECT_EQ(::kill(pid, 0), -1) << "still there, perhaps as a zombie";
}

TEST_F(ChildProcessTest, EndOfTheLoopReapsWhatIsLeft) {
  pid_t pid = 0;
  {
    boost::asio::io_context loop;
    auto child = ChildProcess::start(loop, {.argv = {"/bin/sleep", "1000"}}, nullptr);
    ASSERT_TRUE(child);
    pid = child->pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1) << "still there, perhaps as a zombie";
}

TEST_F(ChildProcessTest, KillCallsBackOnce) {
  int calls = 0;
  ChildOutcome outcome;
  auto child =
      ChildProcess::start(loop_, {.argv = {"/bin/sleep", "1000"}}, [&](const ChildOutcome& result) {
        ++calls;
        outcome = result;
      });
  ASSERT_TRUE(child);
  child->kill();
  child->kill();
  loop_.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(outcome.to_string(), "killed by signal 9");
}

TEST_F(ChildProcessTest, CallbackMayDestroyTheObject) {
  std::optional<ChildProcess> child;
  bool called = false;
  child = *ChildProcess::start(loop_, {.argv = {"/bin/true"}}, [&](const ChildOutcome& result) {
    child.reset();
    called = result.success();
  });
  loop_.run();
  EXPECT_TRUE(called);
}

TEST_F(ChildProcessTest, ManySideBySideBesideABusyThread) {
  std::jthread other([](std::stop_token stop) {  // spawning must not need the whole process quiet
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  std::vector<ChildProcess> children;
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    auto child = ChildProcess::start(loop_, shell("exit " + std::to_string(i)),
                                     [&](const ChildOutcome& result) { sum += result.status; });
    ASSERT_TRUE(child) << child.error().message;
    children.push_back(std::move(*child));
  }
  loop_.run();
  EXPECT_EQ(sum, 99 * 100 / 2);
}

}  // namespace
}  // namespace tandem
