// SPDX-License-Identifier: Apache-2.0
#include "daemon/systemd.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/descriptor.hpp"

namespace tandem::daemon {
namespace {

using enum vrrp::State;

// Where sd_notify() sends to, for as long as it is there.
class Manager {
 public:
  Manager() {
    const auto text = "/tmp/tandem-notify-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, text.c_str(), sizeof address.sun_path - 1);
    std::filesystem::remove(text);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", text.c_str(), 1);
    path_ = text;
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    std::filesystem::remove(path_);
  }
  // The next message; empty: there is none.
  std::string heard() {
    std::array<char, 512> buffer{};
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }

 private:
  Descriptor socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::string path_;
};

// A VRRP thread that answers when it is told to.
struct Thread {
  std::function<void(const std::string&)> waiting;
  int asked = 0;
  Systemd::Ask ask() {
    return [this](std::function<void(const std::string&)> answer) {
      asked++;
      waiting = std::move(answer);
    };
  }
  void answer(const std::string& status) { std::exchange(waiting, nullptr)(status); }
};

std::string all_go_round() {
  return {};
}

TEST(Systemd, TellsWhatHappens) {
  Manager manager;
  boost::asio::io_context loop;
  Thread thread;
  Systemd ours(loop, thread.ask(), all_go_round);
  ours.ready();
  EXPECT_EQ(manager.heard(), "READY=1");
  ours.reloading();
  EXPECT_EQ(manager.heard().find("RELOADING=1\nMONOTONIC_USEC="), 0U);
  thread.answer("Active for VI_1");
  EXPECT_EQ(manager.heard(), "STATUS=Active for VI_1");
  ours.stopping();
  EXPECT_EQ(manager.heard().find("STOPPING=1"), 0U);
}

TEST(Systemd, AChangeWhileItAsksIsAskedForAgain) {
  Manager manager;
  boost::asio::io_context loop;
  Thread thread;
  Systemd ours(loop, thread.ask(), all_go_round);
  ours.changed();
  ours.changed();
  EXPECT_EQ(thread.asked, 1);
  thread.answer("old");
  EXPECT_EQ(thread.asked, 2);
  thread.answer("new");
  EXPECT_EQ(thread.asked, 2);
  EXPECT_EQ(manager.heard(), "STATUS=old");
  EXPECT_EQ(manager.heard(), "STATUS=new");
}

TEST(Systemd, SaysThatItLivesOnlyWhenTheThreadHasAnswered) {
  Manager manager;
  ::setenv("WATCHDOG_USEC", "3000", 1);  // a ping each millisecond
  boost::asio::io_context loop;
  Thread thread;
  Systemd ours(loop, thread.ask(), all_go_round);
  for (int i = 0; i < 5; i++) loop.run_one();
  EXPECT_EQ(manager.heard(), "");
  EXPECT_EQ(thread.asked, 1);
  thread.answer("Backup for VI_1");
  EXPECT_EQ(manager.heard(), "STATUS=Backup for VI_1\nWATCHDOG=1");
}

TEST(Systemd, DoesNotSayThatItLivesWhileAnyThreadStandsStill) {
  Manager manager;
  ::setenv("WATCHDOG_USEC", "3000", 1);
  boost::asio::io_context loop;
  Thread thread;
  std::string still = "the data thread";
  Systemd ours(loop, thread.ask(), [&still] { return still; });
  thread.answer("Backup for VI_1");
  EXPECT_EQ(manager.heard(), "STATUS=Backup for VI_1; the data thread stands still");
  still.clear();
  loop.run_one();
  thread.answer("Backup for VI_1");
  EXPECT_EQ(manager.heard(), "STATUS=Backup for VI_1\nWATCHDOG=1");
  ::unsetenv("WATCHDOG_USEC");
}

TEST(Systemd, NamesVirtualRoutersWhileTheyAreFew) {
  EXPECT_EQ(roles_line({{"VI_1", active}, {"VI_2", backup}, {"VI_3", active}}),
            "Active for VI_1, VI_3; Backup for VI_2");
  EXPECT_EQ(roles_line({}), "No virtual router is configured");
  std::vector<std::pair<std::string, vrrp::State>> many(9, {"VI", fault});
  EXPECT_EQ(roles_line(many), "Fault for 9 virtual routers");
}

}  // namespace
}  // namespace tandem::daemon
