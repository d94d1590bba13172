// SPDX-License-Identifier: Apache-2.0
// What follows from an event of the VRRP thread: a transition leaves a trace and runs a notify
// command, addresses go onto the kernel's interfaces and off them. Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/running.hpp"
#include "daemon/tracking.hpp"
#include "notify/notifier.hpp"
#include "observe/event_log.hpp"
#include "speaker/interfaces.hpp"

namespace tandem::daemon {

class VrrpEvents {
 public:
  struct Effects {
    // The router's addresses, on the kernel's interfaces.
    std::function<void(const speaker::PlannedRouter&)> install, remove;
    std::function<void()> transition;  // a router has another state
    std::function<void()> idle;        // after VrrpDriver::shut_down(): no lease is held any more
    // The VRRP thread did not run for so long, until then: why.
    std::function<std::string(MonotonicTime until, Duration stall)> why_stalled;
  };

  VrrpEvents(boost::asio::io_context& loop, const Running& running, const Tracking& tracking,
             const std::vector<speaker::InterfaceState>& interfaces, observe::EventLog& events,
             Effects effects);

  void on(const speaker::VrrpEvent& event);
  // The service's quorum came or went: leaves a trace, and runs a command.
  void on_quorum(const config::Service& service, bool up, const std::string& why);
  // A sentence for each virtual router whose last notify command failed.
  [[nodiscard]] std::vector<std::string> troubles() const;
  // Calls back once no notify command runs or waits.
  void when_notified(std::function<void()> done) { notifier_.when_idle(std::move(done)); }

 private:
  void on_transition(MonotonicTime at, const vrrp::Transition& transition);
  void on_notice(MonotonicTime at, const vrrp::Notice& notice);
  void on_dropped(MonotonicTime at, const speaker::DroppedAdvert& dropped);
  void on_notified(const notify::Outcome& outcome);

  const Running& running_;
  const Tracking& tracking_;
  const std::vector<speaker::InterfaceState>& interfaces_;
  observe::EventLog& events_;
  Effects effects_;
  notify::Notifier notifier_;
  // By virtual router, and whether it is for any change: what its last command said.
  std::map<std::pair<std::string, bool>, std::string> failed_;
};

}  // namespace tandem::daemon
