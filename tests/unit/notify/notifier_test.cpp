// SPDX-License-Identifier: Apache-2.0
#include "notify/notifier.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <vector>

#include "../base/command_lab.hpp"

namespace tandem::notify {
namespace {

using namespace std::chrono_literals;
using Kind = Outcome::Kind;

class NotifierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!directory_.usable()) GTEST_SKIP() << "needs root";
  }

  config::Notify all_to(const std::string& path, Duration timeout = 20s) {
    return {.active = {path},
            .backup = {path},
            .fault = {path},
            .stop = {},
            .any = {},
            .timeout = timeout};
  }

  template <class Condition>
  void run_until(Condition condition) {
    for (int i = 0; i < 3000 && !condition(); ++i) {
      tandem::testing::run_for_a_while(loop_);
    }
    ASSERT_TRUE(condition());
  }
  void run_until_idle() {
    run_until([&] { return notifier_.idle(); });
  }

  std::vector<std::string> lines(const std::string& name) {
    std::ifstream file(directory_ / name);
    std::vector<std::string> result;
    for (std::string line; std::getline(file, line);) result.push_back(line);
    return result;
  }

  // Each command line logged at its begin and its end; slow enough to be overtaken by changes.
  std::string logging_script() {
    const auto log = directory_ / "log";
    return directory_.script(
        "notify", "echo \"begin $1 $2\" >> " + log + "\nsleep 0.1\necho \"end $1 $2\" >> " + log);
  }

  boost::asio::io_context loop_;
  tandem::testing::SafeDirectory directory_;
  std::vector<Outcome> outcomes_;
  Notifier notifier_{loop_, [this](const Outcome& outcome) { outcomes_.push_back(outcome); }, 2};
};

TEST_F(NotifierTest, CallsAsKeepalivedDoesWithTheEnvironment) {
  const auto path = directory_.script(
      "notify", "echo \"$# $*|$TANDEM_ROUTER|$TANDEM_STATE|$TANDEM_PRIORITY|$TANDEM_CAUSE\" >> " +
                    (directory_ / "log"));
  const config::Notify commands{
      .active = {path, "extra"}, .backup = {path}, .fault = {path}, .stop = {}, .any = {}};
  notifier_.notify(commands, {"VI_1", vrrp::State::active, 150, "no advert from the peer"});
  EXPECT_TRUE(outcomes_.empty());
  notifier_.notify(commands, {"VI_1", vrrp::State::backup, 90, "higher priority"});
  notifier_.notify(commands, {"VI_1", vrrp::State::fault, 0, "check $(nginx) failed"});
  run_until_idle();
  EXPECT_EQ(lines("log"),
            (std::vector<std::string>{"3 extra master VI_1|VI_1|Active|150|no advert from the peer",
                                      "2 backup VI_1|VI_1|Backup|90|higher priority",
                                      "2 fault VI_1|VI_1|Fault|0|check $(nginx) failed"}));
  ASSERT_EQ(outcomes_.size(), 3U);
  for (const auto& outcome : outcomes_) EXPECT_EQ(outcome.kind, Kind::ok) << outcome.what;
  EXPECT_EQ(outcomes_[0].notice.state, vrrp::State::active);
}

TEST_F(NotifierTest, RunsTheCommandForAnyChangeAfterTheChangesOwn) {
  const auto log = [&](const char* name) {
    return directory_.script(
        name, std::string("echo \"") + name + " $*|$TANDEM_STATE\" >> " + (directory_ / "log"));
  };
  const config::Notify commands{
      .active = {log("own")}, .backup = {}, .fault = {}, .stop = {log("end")}, .any = {log("any")}};
  notifier_.notify(commands, {.router = "A", .state = vrrp::State::active});
  notifier_.notify(commands, {.router = "A", .state = vrrp::State::backup});
  run_until_idle();
  notifier_.notify(commands, {.router = "A", .state = vrrp::State::initialize});
  run_until_idle();
  EXPECT_EQ(lines("log"), (std::vector<std::string>{"own master A|Active", "any master A|Active",
                                                    "any backup A|Backup", "end stop A|Initialize",
                                                    "any stop A|Initialize"}));
  std::vector<bool> any;
  for (const auto& outcome : outcomes_) any.push_back(outcome.notice.any);
  EXPECT_EQ(any, (std::vector<bool>{false, true, true, false, true}));
}

TEST_F(NotifierTest, RunsOneAtATimeForEachRouterInOrder) {
  const auto commands = all_to(logging_script());
  notifier_.notify(commands, {.router = "A", .state = vrrp::State::active});
  notifier_.notify(commands, {.router = "A", .state = vrrp::State::backup});
  notifier_.notify(commands, {.router = "A", .state = vrrp::State::fault});
  run_until_idle();
  EXPECT_EQ(lines("log"),
            (std::vector<std::string>{"begin master A", "end master A", "begin backup A",
                                      "end backup A", "begin fault A", "end fault A"}));
}

TEST_F(NotifierTest, FlappingCoalescesKeepsOrderAndTellsTheLast) {
  const auto commands = all_to(logging_script());
  notifier_.notify(commands, {"A", vrrp::State::active, 0, ""});
  run_until([&] { return !lines("log").empty(); });
  for (int i = 1; i <= 21; ++i) {
    notifier_.notify(commands,
                     {"A", i % 2 == 1 ? vrrp::State::backup : vrrp::State::active, i, ""});
  }
  run_until_idle();
  std::vector<int> ran;
  std::vector<int> superseded;
  for (const auto& outcome : outcomes_) {
    (outcome.kind == Kind::superseded ? superseded : ran).push_back(outcome.notice.priority);
  }
  EXPECT_EQ(ran, (std::vector<int>{0, 18, 19, 20, 21}));
  EXPECT_EQ(superseded.size(), 17U);
  EXPECT_TRUE(std::ranges::is_sorted(superseded));
  EXPECT_EQ(lines("log").back(), "end backup A");
  EXPECT_EQ(lines("log").size(), 10U);
}

TEST_F(NotifierTest, RoutersRunSideBySideUpToTheBound) {
  // Each waits until two of them are running: alone, none would end before its timeout.
  const auto path = directory_.script("notify", "touch " + (directory_ / "in-$2") +
                                                    "\nwhile [ $(ls " + (directory_ / "") +
                                                    " | grep -c in-) -lt 2 ]; do sleep 0.01; done");
  notifier_.notify(all_to(path), {.router = "A", .state = vrrp::State::active});
  notifier_.notify(all_to(path), {.router = "B", .state = vrrp::State::active});
  run_until_idle();
  ASSERT_EQ(outcomes_.size(), 2U);
  for (const auto& outcome : outcomes_) EXPECT_EQ(outcome.kind, Kind::ok) << outcome.what;
}

TEST_F(NotifierTest, NeverMoreThanTheBoundAtOnce) {
  const auto commands = all_to(logging_script());
  for (int i = 0; i < 6; ++i) {
    notifier_.notify(commands, {.router = "R" + std::to_string(i), .state = vrrp::State::active});
  }
  run_until_idle();
  int running = 0;
  for (const auto& line : lines("log")) {
    running += line.starts_with("begin") ? 1 : -1;
    EXPECT_LE(running, 2);
  }
  EXPECT_EQ(lines("log").size(), 12U);
}

TEST_F(NotifierTest, ATimeoutKillsTheGroupAndTheNextRuns) {
  const auto pids = directory_ / "pids";
  const auto path = directory_.script(
      "notify", "[ $1 = backup ] && exit 0\nsleep 1000 & echo $! >> " + pids + "\nwait");
  notifier_.notify(all_to(path, 300ms), {.router = "A", .state = vrrp::State::active});
  notifier_.notify(all_to(path), {.router = "A", .state = vrrp::State::backup});
  run_until_idle();
  ASSERT_EQ(outcomes_.size(), 2U);
  EXPECT_EQ(outcomes_[0].kind, Kind::timed_out);
  EXPECT_EQ(outcomes_[1].kind, Kind::ok) << outcomes_[1].what;
  ASSERT_EQ(lines("pids").size(), 1U);
  const pid_t pid = std::stoi(lines("pids")[0]);
  run_until([&] { return !tandem::testing::is_alive(pid); });
}

TEST_F(NotifierTest, ReportsFailureWithOutput) {
  const auto path = directory_.script("notify", "echo cannot bind >&2; exit 2");
  notifier_.notify(all_to(path), {.router = "A", .state = vrrp::State::fault});
  run_until_idle();
  ASSERT_EQ(outcomes_.size(), 1U);
  EXPECT_EQ(outcomes_[0].kind, Kind::failed);
  EXPECT_EQ(outcomes_[0].what, "exit status 2: cannot bind");
}

TEST_F(NotifierTest, RefusesAnUnsafeCommandAndGoesOn) {
  const auto path = directory_.script("notify", "exit 0", 0777);
  notifier_.notify(all_to(path), {.router = "A", .state = vrrp::State::active});
  notifier_.notify(all_to("/bin/true"), {.router = "A", .state = vrrp::State::backup});
  EXPECT_TRUE(outcomes_.empty());
  run_until_idle();
  ASSERT_EQ(outcomes_.size(), 2U);
  EXPECT_EQ(outcomes_[0].kind, Kind::refused);
  EXPECT_NE(outcomes_[0].what.find("(mode 0777, owner root)"), std::string::npos);
  EXPECT_EQ(outcomes_[1].kind, Kind::ok);
}

TEST_F(NotifierTest, WithoutACommandNothingHappens) {
  notifier_.notify({}, {.router = "A", .state = vrrp::State::active});
  EXPECT_TRUE(notifier_.idle());
  loop_.run();
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(NotifierTest, TellsWhenIdle) {
  bool was_called = false;
  notifier_.notify(all_to(logging_script()), {.router = "A", .state = vrrp::State::backup});
  notifier_.when_idle([&] { was_called = true; });
  loop_.run_for(1ms);
  EXPECT_FALSE(was_called);
  run_until([&] { return was_called; });
  EXPECT_TRUE(notifier_.idle());
  EXPECT_EQ(outcomes_.size(), 1U);
  was_called = false;
  notifier_.when_idle([&] { was_called = true; });
  run_until([&] { return was_called; });
}

TEST_F(NotifierTest, OfAServiceIsGivenNothingButItsOwnWords) {
  config::ServiceNotify commands;
  commands.down = {
      directory_.script("quorum", "echo \"$# $1 $TANDEM_SERVICE $TANDEM_STATE $TANDEM_CAUSE\" >> " +
                                      (directory_ / "quorum.log"))};
  commands.down.emplace_back("word");
  notifier_.notify_of_service(commands, Notice{.service = "web", .up = true});  // has no command
  notifier_.notify_of_service(commands, Notice{.cause = "no backend is up", .service = "web"});
  run_until([&] { return outcomes_.size() == 1; });
  EXPECT_EQ(outcomes_[0].notice.service, "web");
  EXPECT_EQ(lines("quorum.log"), std::vector<std::string>{"1 word web down no backend is up"});
}

TEST_F(NotifierTest, DestroyingKillsWhatRuns) {
  const auto path =
      directory_.script("notify", "echo $$ >> " + (directory_ / "pids") + "\nexec sleep 1000");
  auto other =
      std::make_unique<Notifier>(loop_, [](const Outcome&) { ADD_FAILURE() << "reported"; });
  other->notify(all_to(path), {.router = "A", .state = vrrp::State::active});
  run_until([&] { return !lines("pids").empty(); });
  other.reset();
  const pid_t pid = std::stoi(lines("pids")[0]);
  run_until([&] { return !tandem::testing::is_alive(pid); });
}

}  // namespace
}  // namespace tandem::notify
