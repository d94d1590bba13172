// SPDX-License-Identifier: Apache-2.0
// Tells the VRRP thread for which virtual routers the backends are up: after a start, and after a
// link of the node was away for longer than its checks bear, all of them count as down for a while,
// and whoever takes an address from a living node then resets its connections. Belongs to the
// control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/watch.hpp"
#include "daemon/running.hpp"
#include "health/checker.hpp"
#include "netlink/links.hpp"
#include "services/running_service.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::daemon {

// nullopt: nothing checks it.
using LastCheck = std::function<std::optional<health::Status>(const services::RunningBackend&)>;

// Whether each backend of the router's services that is configured and not drained has a next hop
// and, if it is checked, passed a run that began at `since` or later.
[[nodiscard]] bool backends_are_up(const speaker::PlannedRouter& router,
                                   const services::RunningServices& services,
                                   const LastCheck& last_check, MonotonicTime since);

class BackendsGate {
 public:
  // Looks every tenth of a second.
  BackendsGate(boost::asio::io_context& loop, const Running& running,
               const services::RunningServices& services, LastCheck last_check,
               speaker::VrrpCommands& vrrp);

  // Before the VRRP thread hears of it: what was found before a link came back says nothing.
  void on_links(const netlink::Links& links);
  // Tells the VRRP thread of what has changed since the last call.
  void check();
  // After a reload: routers may have other numbers and services.
  void tell_anew() { told_.clear(); }

 private:
  const Running& running_;
  const services::RunningServices& services_;
  LastCheck last_check_;
  speaker::VrrpCommands& vrrp_;
  MonotonicTime since_{};         // when a link last came back
  std::set<std::string> absent_;  // interfaces whose link is away
  std::map<vrrp::RouterId, bool> told_;
  Alarm due_;
};

}  // namespace tandem::daemon
