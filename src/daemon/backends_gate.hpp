// SPDX-License-Identifier: Apache-2.0
// Tells the VRRP thread for which virtual routers the backends are up: after a start, and after the
// node's link was away for longer than its checks bear, all of them count as down for a while, and
// whoever takes an address from a living node then resets its connections. Belongs to the control
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>

#include "base/watch.hpp"
#include "daemon/running.hpp"
#include "services/running_service.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::daemon {

// Whether no backend of the router's services that is configured and checked is down, or not judged
// yet.
[[nodiscard]] bool backends_are_up(const speaker::PlannedRouter& router,
                                   const services::RunningServices& services);

class BackendsGate {
 public:
  // Looks every tenth of a second.
  BackendsGate(boost::asio::io_context& loop, const Running& running,
               const services::RunningServices& services, speaker::VrrpCommands& vrrp);

  // Tells what is another one than it was.
  void check();
  // After a reload: routers may have other numbers and services.
  void tell_anew() { told_.clear(); }

 private:
  const Running& running_;
  const services::RunningServices& services_;
  speaker::VrrpCommands& vrrp_;
  std::map<vrrp::RouterId, bool> told_;
  Alarm due_;
};

}  // namespace tandem::daemon
