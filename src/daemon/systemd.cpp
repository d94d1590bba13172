// SPDX-License-Identifier: Apache-2.0
#include "daemon/systemd.hpp"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <array>

#include "vrrp/action.hpp"

namespace tandem::daemon {
namespace {

constexpr std::size_t kNamed = 8;  // what a line of `systemctl status` has room for

// A third of what the manager waits: one that comes late does no harm.
std::optional<Duration> ping_interval() {
  std::uint64_t limit_us = 0;
  if (sd_watchdog_enabled(0, &limit_us) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit_us) / 3;
}

}  // namespace

std::string roles_line(const std::vector<std::pair<std::string, vrrp::State>>& routers) {
  using enum vrrp::State;
  std::string line;
  for (const auto state : std::array{active, backup, fault, initialize}) {
    std::string names;
    std::size_t count = 0;
    for (const auto& [name, of] : routers)
      if (of == state && ++count <= kNamed) names += (names.empty() ? "" : ", ") + name;
    if (count == 0) continue;
    if (count > kNamed) names = std::to_string(count) + " virtual routers";
    line += (line.empty() ? "" : "; ") + std::string(to_string(state)) + " for " + names;
  }
  return line.empty() ? "No virtual router is configured" : line;
}

Systemd::Systemd(boost::asio::io_context& loop, Ask ask, StandsStill stands_still)
    : ask_(std::move(ask)),
      stands_still_(std::move(stands_still)),
      timer_(loop),
      interval_(ping_interval()) {
  ping();
}

void Systemd::ping() {
  if (interval_) still_ = stands_still_();
  if (!still_.empty())
    spdlog::error("{} stands still: the watchdog is not told that we live", still_);
  changed();
  if (!interval_) return;
  timer_.expires_after(*interval_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) ping();
  });
}

void Systemd::changed() {
  outdated_ = asked_;
  if (std::exchange(asked_, true)) return;
  ask_([this](const std::string& status) {
    asked_ = false;
    const bool lives = interval_ && still_.empty();
    sd_notify(0, ("STATUS=" + status + (still_.empty() ? "" : "; " + still_ + " stands still") +
                  (lives ? "\nWATCHDOG=1" : ""))
                     .c_str());
    if (outdated_) changed();
  });
}

void Systemd::ready() const {
  sd_notify(0, "READY=1");
}

void Systemd::reloading() const {
  const auto now = MonotonicClock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us)).c_str());
}

void Systemd::stopping() const {
  sd_notify(0, "STOPPING=1\nSTATUS=Stopping: handing over");
}

}  // namespace tandem::daemon
