// SPDX-License-Identifier: Apache-2.0
#include "health/checker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "../base/command_lab.hpp"
#include "run_probe.hpp"
#include "test_server.hpp"

namespace tandem::health {
namespace {

using namespace std::chrono_literals;
using testing::ClosedPort;
using testing::run_until;
using testing::TestServer;

const std::string kGoodAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string kBusy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

config::Check http_check(const std::string& name, std::uint16_t port) {
  config::Check check;
  check.name = name;
  check.http = config::HttpProbe{.host = "127.0.0.1", .port = port};
  check.interval = 20ms;
  check.timeout = 5s;
  return check;
}

config::Check tcp_check(const std::string& name, std::uint16_t port) {
  config::Check check = http_check(name, port);
  check.http.reset();
  check.tcp = config::TcpProbe{IpAddress::parse("127.0.0.1").value(), port};
  return check;
}

config::Check command_check(const std::string& name, const std::string& text) {
  config::Check check = http_check(name, 0);
  check.http.reset();
  check.command = config::CommandProbe{{"/bin/sh", "-c", text}};
  return check;
}

class CheckerTest : public ::testing::Test {
 protected:
  void wait_for_runs(std::size_t index, std::uint64_t runs) {
    ASSERT_TRUE(run_until(loop_, [&] { return checker_.status(index).figures.runs >= runs; }));
  }
  void wait_for_events(std::size_t count) {
    ASSERT_TRUE(run_until(loop_, [&] { return events_.size() >= count; }));
  }

  boost::asio::io_context loop_;
  std::vector<std::string> events_;  // "INDEX up|down: WHY"
  Checker checker_{loop_, [this](std::size_t index, bool up, const std::string& why) {
                     events_.push_back(std::to_string(index) + (up ? " up: " : " down: ") + why);
                   }};
};

TEST_F(CheckerTest, FirstResultDecidesThenFallAndRiseCount) {
  TestServer server(loop_, kGoodAnswer);
  checker_.apply({http_check("web", server.port())});
  EXPECT_EQ(checker_.status(0).state, State::unknown);
  wait_for_events(1);
  EXPECT_EQ(checker_.status(0).figures.runs, 1U);

  server.set_answer(kBusy);
  const auto before_fall = server.requests().size();
  wait_for_events(2);
  EXPECT_GE(server.requests().size() - before_fall, 3U);
  const auto down = checker_.status(0);
  EXPECT_EQ(down.state, State::down);
  EXPECT_EQ(down.consecutive, 3);
  EXPECT_EQ(down.detail, "HTTP 503");
  EXPECT_GT(down.figures.latency, 0ns);
  EXPECT_EQ(down.name, "web");

  server.set_answer(kGoodAnswer);
  wait_for_events(3);
  EXPECT_EQ(checker_.status(0).consecutive, 2);
  EXPECT_GT(checker_.status(0).since, down.since);
  wait_for_runs(0, checker_.status(0).figures.runs + 3);
  EXPECT_EQ(events_,
            (std::vector<std::string>{"0 up: HTTP 200", "0 down: HTTP 503", "0 up: HTTP 200"}));
}

TEST_F(CheckerTest, AHangingServerTimesOut) {
  TestServer server(loop_, "", TestServer::After::hang);
  auto check = http_check("slow", server.port());
  check.timeout = 250ms;
  checker_.apply({check});
  wait_for_events(1);
  EXPECT_EQ(events_[0], "0 down: timed out after 250ms while waiting for the response");
  EXPECT_GE(checker_.status(0).figures.latency, 250ms);
}

TEST_F(CheckerTest, AHangingCommandIsKilledWithItsDescendants) {
  const tandem::testing::SafeDirectory directory;
  if (!directory.usable()) GTEST_SKIP() << "needs root";
  const auto file = directory / "pids";
  auto check = command_check("stuck", "sleep 1000 & echo $! >> " + file + "; wait");
  check.timeout = 200ms;
  checker_.apply({check});
  wait_for_runs(0, 3);
  EXPECT_EQ(events_,
            std::vector<std::string>{"0 down: timed out after 200ms while running the command"});
  checker_.apply({});
  std::ifstream pids(file);
  pid_t pid = 0;
  int count = 0;
  for (; pids >> pid; ++count) {
    EXPECT_TRUE(run_until(loop_, [&] { return !tandem::testing::is_alive(pid); })) << pid;
  }
  EXPECT_GE(count, 3);
}

TEST_F(CheckerTest, ARunNeverOverlapsItself) {
  const tandem::testing::SafeDirectory directory;
  if (!directory.usable()) GTEST_SKIP() << "needs root";
  auto check = command_check(
      "slow", "mkdir " + (directory / "lock") + " && sleep 0.1 && rmdir " + (directory / "lock"));
  check.interval = 5ms;
  checker_.apply({check});
  wait_for_runs(0, 5);
  EXPECT_EQ(events_, std::vector<std::string>{"0 up: exit status 0"});
  EXPECT_EQ(checker_.status(0).consecutive, static_cast<int>(checker_.status(0).figures.runs));
}

TEST_F(CheckerTest, OneThatHangsHoldsUpNoOther) {
  TestServer slow(loop_, "", TestServer::After::hang);
  TestServer fast(loop_, kGoodAnswer);
  auto hanging = http_check("slow", slow.port());
  hanging.timeout = 60s;
  checker_.apply({hanging, http_check("fast", fast.port()), command_check("sleep", "sleep 60")});
  wait_for_runs(1, 10);
  EXPECT_EQ(checker_.status(0).figures.runs, 0U);
  EXPECT_EQ(checker_.status(2).figures.runs, 0U);
}

TEST_F(CheckerTest, ReloadKeepsWhatIsUnchangedAndStartsTheRestOver) {
  TestServer server(loop_, kGoodAnswer);
  const ClosedPort closed(loop_);
  const auto kept = http_check("kept", server.port());
  auto changed = tcp_check("changed", closed.number());
  const auto removed = tcp_check("removed", closed.number());
  checker_.apply({removed, changed, kept});
  wait_for_events(3);
  wait_for_runs(2, 3);
  const auto before = checker_.status(2);
  EXPECT_EQ(before.state, State::up);

  changed.fall = 1;
  events_.clear();
  auto moved = kept;
  moved.where.line = 99;  // another place in the file is no change
  checker_.apply({moved, changed});
  ASSERT_EQ(checker_.size(), 2U);
  EXPECT_EQ(checker_.status(0).figures.runs, before.figures.runs);
  EXPECT_EQ(checker_.status(0).since, before.since);
  EXPECT_EQ(checker_.status(1).state, State::unknown);
  EXPECT_EQ(checker_.status(1).figures.runs, 0U);
  wait_for_runs(0, before.figures.runs + 3);
  wait_for_runs(1, 3);
  EXPECT_EQ(events_, std::vector<std::string>{"1 down: connection refused"});

  events_.clear();
  server.set_answer(kBusy);
  wait_for_events(1);
  EXPECT_EQ(events_[0], "0 down: HTTP 503") << "reported under its new number";
}

TEST_F(CheckerTest, TheCallbackMayApply) {
  const ClosedPort closed(loop_);
  int calls = 0;
  Checker checker(loop_, [&](std::size_t, bool, const std::string& why) {
    ++calls;
    checker.apply({});
    EXPECT_EQ(why, "connection refused");
  });
  checker.apply({tcp_check("a", closed.number())});
  EXPECT_TRUE(run_until(loop_, [&] { return calls == 1; }));
  loop_.poll();
  EXPECT_EQ(checker.size(), 0U);
}

TEST_F(CheckerTest, AThousandChecksAllGetTheirTurns) {
  testing::tcp::acceptor acceptor(loop_, {boost::asio::ip::address_v4::loopback(), 0});
  std::vector<config::Check> checks;
  for (int i = 0; i < 1000; ++i) {
    checks.push_back(tcp_check("b" + std::to_string(i), acceptor.local_endpoint().port()));
    checks.back().interval = 1s;
  }
  std::function<void()> accept = [&] {
    acceptor.async_accept([&](boost::system::error_code error, testing::tcp::socket) {
      if (!error) accept();
    });
  };
  accept();
  checker_.apply(checks);
  EXPECT_TRUE(run_until(loop_, [&] {
    const auto all = checker_.statuses();
    return std::ranges::all_of(all, [](const Status& status) { return status.figures.runs >= 2; });
  }));
  EXPECT_EQ(events_.size(), 1000U);
  for (const auto& status : checker_.statuses()) EXPECT_EQ(status.state, State::up) << status.name;
}

TEST_F(CheckerTest, StopsWithoutATraceWhenDestroyed) {
  TestServer server(loop_, "", TestServer::After::hang);
  {
    Checker checker(loop_, [](std::size_t, bool, const std::string&) { ADD_FAILURE(); });
    checker.apply({http_check("a", server.port()), command_check("b", "sleep 1000")});
    ASSERT_TRUE(run_until(loop_, [&] { return !server.requests().empty(); }));
  }
  loop_.run_for(20ms);
}

}  // namespace
}  // namespace tandem::health
