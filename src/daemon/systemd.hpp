// SPDX-License-Identifier: Apache-2.0
// What the service manager that started this process is told, by sd_notify(3). Where nothing
// listens ($NOTIFY_SOCKET is not set) all of it does nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "vrrp/status.hpp"

namespace tandem::daemon {

// "Active for VI_1; Backup for VI_2": the virtual routers of each state, by name while they are
// few.
[[nodiscard]] std::string roles_line(
    const std::vector<std::pair<std::string, vrrp::State>>& routers);

// It is told that we live only when all threads do: the VRRP thread has answered through the control
// loop, which runs the checks, too, and the others go round. A ping of one alone would keep a node
// alive that advertises without checks, checks for nothing, or admits no connection.
class Systemd {
 public:
  // Asks the VRRP thread. The answer, a line on who is Active, comes from the loop, or never.
  using Ask = std::function<void(std::function<void(const std::string& status)> answer)>;

  // Which of the other threads has stood still since it was asked last; empty: none.
  using StandsStill = std::function<std::string()>;

  Systemd(boost::asio::io_context& loop, Ask ask, StandsStill stands_still);
  Systemd(const Systemd&) = delete;
  Systemd& operator=(const Systemd&) = delete;

  void ready() const;
  void reloading() const;  // until ready()
  void stopping() const;
  // What Ask answers has changed: it is told soon.
  void changed();

 private:
  void ping();

  Ask ask_;
  StandsStill stands_still_;
  std::string still_;  // as of the last ping
  boost::asio::steady_timer timer_;
  std::optional<Duration> interval_;  // between pings, if the manager wants them
  bool asked_ = false;                // the answer is still to come
  bool outdated_ = false;             // it will be older than the last change
};

}  // namespace tandem::daemon
