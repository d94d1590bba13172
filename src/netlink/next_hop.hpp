// SPDX-License-Identifier: Apache-2.0
// Where frames to an address have to go: device and MAC address, kept fresh.
//
// For each watched destination the kernel is asked for its route, which names a device and a hop
// (the gateway, or the destination itself), and for the hop's neighbour entry. Tandem's own
// packets bypass the kernel, which therefore believes that nobody uses the neighbour: so it is
// told to verify the entry when it becomes stale and to ask again when it failed (NTF_USE). An entry
// may go though the neighbour is well, by `ip neigh flush` or the kernel's own garbage collection:
// its MAC address stays in use until the kernel has asked again in vain.
// Notifications of routes and neighbours keep both current. Some changes come without one (routes
// that go with their device or source address, policy rules), so a route that concerns a changed
// link is asked for anew, and each of them every kRecheck.
//
// No call does more than kBatch requests of each kind; what is left over is due at once.
//
// One thread. Wait until fd() is readable, then call process(); call on_time() at next_deadline().
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "netlink/deadline_queue.hpp"
#include "netlink/route_request.hpp"
#include "netlink/socket.hpp"

namespace tandem::netlink {

struct NextHop {
  int ifindex = 0;
  MacAddress mac;
  std::optional<IpAddress> source;  // which of our addresses the kernel would send from
  std::uint32_t mtu = 0;            // of the route or of the path, as far as it is known; 0: not

  bool operator==(const NextHop&) const = default;
};

class NextHops {
 public:
  using OnChange = std::function<void(const Destination&)>;

  static constexpr std::size_t kBatch = 64;
  static constexpr Duration kRecheck = std::chrono::seconds(30);
  static constexpr Duration kNoRouteRetry = std::chrono::seconds(5);
  static constexpr Duration kFirstRetry = std::chrono::seconds(1);  // doubled up to eightfold
  // Who flushes goes on until nothing is left: `ip neigh flush` gives up after ten rounds.
  static constexpr Duration kAfterFlush = std::chrono::milliseconds(250);

  [[nodiscard]] static Result<NextHops> open();

  // Replaces the set of destinations. Those that stay keep what is known of them.
  void watch(const std::vector<Destination>& destinations, MonotonicTime now);
  [[nodiscard]] std::optional<NextHop> lookup(const Destination& destination) const;
  // Why lookup() has nothing: "no route", "no answer to ARP on eth0". Empty if it has.
  [[nodiscard]] std::string why_unresolved(const Destination& destination) const;

  // The kernel's route to it, or what it knows of the path's MTU, may have changed.
  void ask_again(const IpAddress& address, MonotonicTime now);
  [[nodiscard]] int fd() const noexcept { return monitor_.fd(); }
  void process(MonotonicTime now);
  void on_time(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_deadline() const;
  // Called at the end of process(), on_time() and watch(), once for each destination for which
  // lookup() has changed.
  void on_change(OnChange callback) { on_change_ = std::move(callback); }

 private:
  struct Target {
    std::optional<Route> route;
    std::string trouble = "not asked for yet";  // why there is no route
    std::optional<NextHop> published;
  };
  struct Neighbour {
    NeighbourState state;
    std::set<Destination> users;
    unsigned unanswered = 0;        // attempts that failed, since it last answered
    std::string trouble;            // why the kernel would not ask
    std::optional<MacAddress> mac;  // in use: the last one, until it has been asked for in vain
    bool asked = false;             // since the kernel's entry went
  };

  NextHops(Monitor monitor, Requests requests)
      : monitor_(std::move(monitor)), requests_(std::move(requests)) {}
  void take(nl_msg& message, MonotonicTime now);
  void on_neighbour(const NeighbourKey& key, const NeighbourState& state, MonotonicTime now);
  void on_route(const IpPrefix& prefix, MonotonicTime now);
  void on_link(int ifindex, MonotonicTime now);
  void ask_all_again(MonotonicTime now);

  void resolve_route(const Destination& destination, MonotonicTime now);
  void resolve_neighbour(const NeighbourKey& key, MonotonicTime now);
  void learn(Neighbour& neighbour, const NeighbourState& state);
  void attach(const Destination& destination, Target& target, const Route& route,
              MonotonicTime now);
  void detach(const Destination& destination, Target& target);
  void publish(const Destination& destination);
  void call_back();

  Monitor monitor_;
  Requests requests_;
  std::map<Destination, Target> targets_;
  std::map<NeighbourKey, Neighbour> neighbours_;  // each has at least one user
  DeadlineQueue<Destination> routes_due_;
  DeadlineQueue<NeighbourKey> neighbours_due_;
  std::set<Destination> changed_;
  OnChange on_change_;
};

}  // namespace tandem::netlink
