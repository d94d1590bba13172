// SPDX-License-Identifier: Apache-2.0
// The MAC addresses of unicast peers, kept fresh for the VRRP thread. Belongs to the control
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "netlink/next_hop.hpp"
#include "speaker/interfaces.hpp"
#include "speaker/plan.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::speaker {

class Peers {
 public:
  static Result<std::unique_ptr<Peers>> open(boost::asio::io_context& loop, VrrpCommands& vrrp);

  // Watches the unicast peers of these routers; forgets all others.
  void apply(const std::vector<PlannedRouter>& routers, const Interfaces& interfaces);
  // A sentence for each peer of the router that adverts cannot be sent to, and why.
  [[nodiscard]] std::vector<std::string> troubles(vrrp::RouterId router) const;

 private:
  struct Peer {
    vrrp::RouterId router;
    std::size_t index;  // in Settings::unicast_peers
    netlink::Destination destination;
  };

  Peers(boost::asio::io_context& loop, VrrpCommands& vrrp, netlink::NextHops next_hops);
  void tell(const Peer& peer) const;

  VrrpCommands& vrrp_;
  netlink::NextHops next_hops_;
  std::vector<Peer> peers_;
  Alarm due_;
  std::unique_ptr<ReadWatch> readable_;
};

}  // namespace tandem::speaker
