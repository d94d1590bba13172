// SPDX-License-Identifier: Apache-2.0
// Tells the VRRP thread which virtual routers may preempt, as this node has the flows of their
// services: whoever takes an address from a living node without them breaks the connections. A
// takeover by silence asks nobody. Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/watch.hpp"
#include "daemon/running.hpp"
#include "observe/sync_document.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::daemon {

class SyncGate {
 public:
  using Look = std::function<observe::SyncView()>;

  // Looks every tenth of a second.
  SyncGate(boost::asio::io_context& loop, const Running& running, speaker::VrrpCommands& vrrp,
           Look look);

  // Tells the VRRP thread of what has changed since the last call.
  void check();
  // The operator does not want to wait: the router may preempt, until it is Active here.
  void force(vrrp::RouterId router) { forced_.insert(router); }
  // After a reload: routers may have other numbers and services.
  void tell_anew() { told_.clear(); }

  // It has come here.
  void arrived(vrrp::RouterId router) { forced_.erase(router); }

  // The first of the router's services whose flows this node lacks, and why; or that it does not know
  // of the other node's sockets. Empty: it lacks none.
  [[nodiscard]] static std::string missing(const speaker::PlannedRouter& router,
                                           const config::Config& config,
                                           const observe::SyncView& sync);
  // The first of the router's services whose flows the other node lacks, and why; empty: none.
  [[nodiscard]] static std::string missing_there(const speaker::PlannedRouter& router,
                                                 const observe::SyncView& sync);

 private:
  const Running& running_;
  speaker::VrrpCommands& vrrp_;
  Look look_;
  std::map<vrrp::RouterId, bool> told_;
  std::set<vrrp::RouterId> forced_;
  Alarm due_;
};

}  // namespace tandem::daemon
