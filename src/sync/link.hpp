// SPDX-License-Identifier: Apache-2.0
// The sync links: a connection to the peer over the first of them that works, a session on it, and
// the thread that both run on.
//
// Of the two nodes, the one with the lower listen address connects, and the other one listens. A
// connection that is lost, silent, or sends what is no message is closed, and made again over the
// next link. Nothing here is needed for VRRP or for packets: without a peer, marks gather.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "forward/forwarder.hpp"
#include "sync/key.hpp"
#include "sync/message.hpp"
#include "sync/roles.hpp"
#include "sync/sender.hpp"
#include "sync/wish_exchange.hpp"

namespace tandem::sync {

struct LinkOptions {
  std::string node;  // this node's name
  std::vector<config::ListenAddress> listen,
      peer;  // one for each link, in the same order on both nodes
  Key key{};
  vrrp::RoleBoard* roles = nullptr;        // nullptr: virtual routers are not told of
  std::function<void()> wake_for_roles{};  // the peer has said something else than before
};

// What is to be told of a service.
struct ServiceSync {
  std::uint16_t number = 0;
  Sender::Proof outgoing = Sender::Proof::not_owner;  // where this node decides
  bool incoming_proved = false;                       // where the peer does
};

// As it was a moment ago.
struct LinkView {
  MonotonicTime at{};  // when the thread last went round
  bool connected = false;
  std::string peer;                              // its name, while connected
  std::size_t link = 0;                          // the one in use, from 0
  std::string why;                               // not connected: what the last try failed of
  MonotonicTime since{};                         // connected, or not
  std::uint32_t peer_room4 = 0, peer_room6 = 0;  // flows that its tables hold, while connected
  Duration lag{};  // from a change here to its application there and back; 0: not known
  std::uint64_t sessions = 0, refused = 0;  // connections that became a session, and that did not
  std::uint64_t flows_sent = 0, flows_received = 0, repairs = 0, differed = 0;
  std::uint64_t clients_sent = 0, clients_received = 0;  // that affinity holds
  std::uint64_t unknown_here = 0;  // records that name what is not configured here
  std::vector<ServiceSync> services;
  std::optional<bool> wishes_equal;  // WishExchange::equal()
  LocalSockets peer_sockets;         // what the peer said last, also after its connection ended
  MonotonicTime peer_sockets_at{};   // 0: nothing yet
  bool peer_sockets_known = false;   // it said so in this session, or is of a version that does not
  bool peer_lives = false;           // connected; or its process ended, while its kernel answers
};

class Link {
 public:
  using OnWishes = std::function<void(std::vector<BackendWish> wishes)>;
  using Log = std::function<void(const std::string& line)>;

  // wake: called on the link's thread when there are changes for the data thread. The rest is to
  // outlive it. Error: a listen address is not this host's, or in use.
  static Result<std::unique_ptr<Link>> start(LinkOptions options,
                                             const forward::Forwarder& forwarder,
                                             forward::Replication& shared,
                                             std::function<void()> wake, Log log);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Any thread.
  [[nodiscard]] LinkView view() const;
  // The virtual routers whose roles both nodes tell each other from here on.
  void set_routers(std::vector<RoleExchange::Router> routers);
  // Any thread: the operator's wishes that this node has; those that are not told stay.
  void share(std::vector<BackendWish> wishes);
  // Any thread. on_wishes: called on the link's thread with what the peer has brought.
  void follow(OnWishes on_wishes);
  // What the peer is told of this node's sockets from now on.
  void tell(const LocalSockets& sockets);

 private:
  struct Inside;
  explicit Link(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace tandem::sync
