// SPDX-License-Identifier: Apache-2.0
// Two nodes with the same virtual routers on one wire that delays and loses adverts. Nodes can
// crash, be stopped and come back; what survives them, as in the data plane, is the lease.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "vrrp/router_set.hpp"

namespace tandem::scenario {

inline constexpr int kNodes = 2;

struct WireSettings {
  Duration most_delay = std::chrono::milliseconds(5);
  Duration most_lateness = std::chrono::milliseconds(3);  // of a node, after its deadline
  double loss = 0;                                        // 0-1
};

class Simulation {
 public:
  using Routers = std::vector<vrrp::Settings>;
  Simulation(std::uint32_t seed, const WireSettings& wire, const std::array<Routers, 2>& routers);

  void start(int node);  // with no memory of what was
  void crash(int node);  // SIGKILL: not a word, leases and all stay as they are
  void stop(int node);   // SIGSTOP: adverts queue up
  void resume(int node, bool queue_lost);
  void track(int node, std::uint16_t source, bool up);
  void fail_over(int node, vrrp::RouterId router);
  void set_loss(double loss) { wire_.loss = loss; }
  void run(Duration time);

  [[nodiscard]] bool running(int node) const { return nodes_[node].mode == Mode::running; }
  [[nodiscard]] bool stopped(int node) const { return nodes_[node].mode == Mode::stopped; }
  [[nodiscard]] bool active(int node, vrrp::RouterId router) const;
  [[nodiscard]] std::uint64_t transitions() const { return transitions_; }
  [[nodiscard]] std::size_t routers() const { return overlap_.size(); }
  // How long both nodes held a lease on the same virtual router at a stretch, the longest of all.
  [[nodiscard]] Duration longest_overlap() const { return longest_overlap_; }
  // Two leases at once although one node had taken the other for dead: must not happen.
  [[nodiscard]] const std::string& violation() const { return violation_; }

 private:
  enum class Mode : std::uint8_t { down, running, stopped };
  struct Node {
    vrrp::RouterSet set;
    Mode mode = Mode::down;
    Routers routers;
    IpAddress source;
    std::deque<wire::ReceivedAdvert> inbox;
    std::vector<MonotonicTime> lease;         // by RouterId
    std::vector<MonotonicTime> active_since;  // by RouterId
    MonotonicTime wake = kNever;
  };
  struct Delivery {
    int node;
    wire::ReceivedAdvert received;
  };

  void carry_out(int node);
  void check_takeover(int node, const vrrp::Transition& moved);
  void send(int from, const vrrp::SendAdvert& action);
  void deliver(const Delivery& delivery);
  void watch_leases(MonotonicTime until);
  [[nodiscard]] Duration up_to(Duration most);

  std::mt19937 random_;
  WireSettings wire_;
  std::array<Node, kNodes> nodes_;
  std::multimap<MonotonicTime, Delivery> in_flight_;
  vrrp::Actions actions_;
  MonotonicTime now_{std::chrono::seconds(1000)};
  std::vector<Duration> overlap_;  // by RouterId: of the current stretch
  Duration longest_overlap_{};
  std::string violation_;
  std::uint64_t transitions_ = 0;
};

}  // namespace tandem::scenario
