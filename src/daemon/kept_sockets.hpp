// SPDX-License-Identifier: Apache-2.0
// Connections to the node's own services when their address moves. A socket stays with the kernel that
// has it, so the node that lost the address is *draining* for the virtual router:
//
//   - the address stays with its kernel, behind the gate, until no socket is left or `drain_timeout`
//     is over; the gate lets TCP of sockets that exist through (include/tandem/sockets.h);
//   - the peer is told over the sync link, ten times a second: where these sockets are, how many, and
//     for how long. It is told while the router is Active, too, so that it knows when it takes over;
//   - what the peer tells of its own goes into the steering tables. If its process ends while its
//     kernel lives, what it said last goes on. If it falls silent, its sockets are gone.
//
// Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "daemon/running.hpp"
#include "flow/steering.hpp"
#include "netlink/tcp_sockets.hpp"
#include "observe/sockets_view.hpp"
#include "speaker/vrrp_commands.hpp"
#include "sync/link.hpp"

namespace tandem::daemon {

class KeptSockets {
 public:
  using Counts = std::map<netlink::TcpEnd, unsigned>;
  using Counted = std::function<void(const Result<Counts>&)>;
  struct Deps {
    boost::asio::io_context& loop;
    const Running& running;
    flow::Steering& steering;
    speaker::VrrpCommands& vrrp;
    // Where the router's frames come in; nullopt: its interface is not there.
    std::function<std::optional<MacAddress>(const speaker::PlannedRouter&)> mac;
    // Off the kernel's interfaces.
    std::function<void(const speaker::PlannedRouter&)> remove;
    // Counts elsewhere, and calls back here.
    std::function<void(const std::set<netlink::TcpEnd>&, Counted)> count;
    std::function<sync::LinkView()> peer;
    std::function<void(const sync::LocalSockets&)> tell;
    std::function<void(const std::string&)> note;  // what the operator may want to know
  };

  explicit KeptSockets(Deps deps);

  // The router's addresses were installed; or are to be removed, now or when its sockets have gone.
  void installed(const speaker::PlannedRouter& router);
  void remove(const speaker::PlannedRouter& router, MonotonicTime now);
  // An earlier process had the router, and left its addresses with the kernel: their sockets go on.
  void resume(const speaker::PlannedRouter& router, MonotonicTime until, MonotonicTime now);
  // What is to be done by now; it goes on by itself.
  void look(MonotonicTime now);

  // Whether the peer has told of its own, and the tables say so.
  [[nodiscard]] bool knows_peer() const { return knows_peer_; }
  // Whether there are sockets that go on here if this process ends.
  [[nodiscard]] bool holds() const;
  [[nodiscard]] observe::SocketsView view(vrrp::RouterId router, MonotonicTime now) const;
  // Sentences for the operator.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Router {
    bool active = false;                        // has the addresses by VRRP
    MonotonicTime drains_since{};               // not Active any more
    MonotonicTime drains_until{};               // 0: it does not drain
    unsigned left = 0;                          // sockets, when they were last counted
    std::optional<sync::RouterSockets> peer{};  // the peer's
    [[nodiscard]] bool drains() const { return drains_until != MonotonicTime{}; }
  };

  void count(MonotonicTime now);
  void counted(MonotonicTime asked, const Result<Counts>& counts, MonotonicTime now);
  void end_drains(MonotonicTime asked, bool known, MonotonicTime now);
  void follow_peer();
  void tell(MonotonicTime now);

  Deps deps_;
  std::map<vrrp::RouterId, Router> routers_;
  bool counting_ = false;
  bool knows_peer_ = false;
  MonotonicTime count_due_{};
  std::string trouble_;  // why sockets cannot be counted
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Alarm due_;
};

}  // namespace tandem::daemon
