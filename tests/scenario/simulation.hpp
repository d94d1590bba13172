// SPDX-License-Identifier: Apache-2.0
// Two nodes with the same virtual routers on one wire that delays, loses and doubles adverts, and that
// can be cut in two. Nodes can crash, be stopped and come back; what survives them, as in the data plane,
// is the lease. Each half of the wire has a client, whose neighbour cache follows announcements.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "vrrp/router_set.hpp"

namespace tandem::scenario {

inline constexpr int kNodes = 2;

// From 1 to `last`, or those of TANDEM_SEEDS: "17", "1-20000".
[[nodiscard]] std::vector<std::uint32_t> seeds(std::uint32_t last);

struct WireSettings {
  Duration most_delay = std::chrono::milliseconds(5);
  Duration most_lateness = std::chrono::milliseconds(3);  // of a node, after its deadline
  std::array<double, kNodes> loss{};                      // 0-1, of what this node sends
  int most_lost = std::numeric_limits<int>::max();        // in a row, of one sender and router
  double doubled = 0;                                     // 0-1
};

// A second way between the nodes, over which each tells the other what its routers are. Of what waits
// in it only the last matters.
struct SyncLinkSettings {
  bool present = false;
  Duration most_delay = std::chrono::milliseconds(5);
  Duration interval = std::chrono::milliseconds(25);
  double loss = 0;  // 0-1
};

class Simulation {
 public:
  using Routers = std::vector<vrrp::Settings>;
  Simulation(std::uint32_t seed, const WireSettings& wire, const std::array<Routers, 2>& routers);

  void connect(const SyncLinkSettings& sync) { sync_ = sync; }
  void cut_sync(bool cut) { sync_cut_ = cut; }
  void lose(int node, double loss) { wire_.loss[node] = loss; }

  void start(int node);  // with no memory of what was
  void crash(int node);  // SIGKILL: not a word, leases and all stay as they are
  void stop(int node);   // SIGSTOP: adverts queue up
  void resume(int node, bool queue_lost);
  void track(int node, std::uint16_t source, bool up);
  void fail_over(int node, vrrp::RouterId router);
  void back(int node, vrrp::RouterId router);
  // Whether the node has the flows of an Active elsewhere; it keeps to that until told otherwise.
  void in_sync(int node, bool in_sync);
  void stop_loss() {
    wire_.loss = {};
    sync_.loss = 0;
  }
  void cut(bool cut);
  // The kernel refuses to send the node's adverts.
  void refuse(int node, bool refused);
  // The node's control thread goes on, or stands still: the kernel gets no address meanwhile.
  void control(int node, bool runs);
  void backends(int node, bool up);
  void interface(int node, bool up);
  void run(Duration time);

  [[nodiscard]] bool running(int node) const { return nodes_[node].mode == Mode::running; }
  [[nodiscard]] bool stopped(int node) const { return nodes_[node].mode == Mode::stopped; }
  [[nodiscard]] bool active(int node, vrrp::RouterId router) const;
  [[nodiscard]] bool answers(int node, vrrp::RouterId router) const {
    return answers(nodes_[node], router, now_);
  }
  [[nodiscard]] MonotonicTime now() const { return now_; }
  [[nodiscard]] std::uint64_t transitions() const { return transitions_; }
  [[nodiscard]] std::size_t routers() const { return overlap_.size(); }
  // How long both nodes held a lease on the same virtual router at a stretch, the longest of all;
  // without the time in which they could not hear each other (a cut, or as many adverts lost in a row
  // as a peer waits for), and until the next advert after it.
  [[nodiscard]] Duration longest_overlap() const { return longest_overlap_; }
  // How long a node that was crashed or stopped still answered beside the other, the longest of all.
  [[nodiscard]] Duration longest_ghost() const { return longest_ghost_; }
  // How long nobody answered although one node could all the time, the longest of all.
  [[nodiscard]] Duration longest_gap() const { return longest_gap_; }
  // How long a node advertised an address that its kernel does not have, the longest of all.
  [[nodiscard]] Duration longest_hollow() const { return longest_hollow_; }
  void forget_gaps() { longest_gap_ = {}; }
  void forget_overlaps() { longest_overlap_ = {}; }
  // Whom the client on a node's half of the wire sends to; -1: nobody yet.
  [[nodiscard]] int cache(int half, vrrp::RouterId router) const { return caches_[half][router]; }
  // Two leases at once although one node had taken the other for dead; an address that was taken from
  // a living Active although the backends were down, or by a node whose control thread stood still:
  // must not happen.
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
    MonotonicTime able_since{};  // running, and with its tracked things well
    std::set<std::uint16_t> failing;
    std::vector<bool> wanted, kernel;  // by RouterId: its kernel is to have the address, and has it
    std::vector<MonotonicTime> filled;  // by RouterId: when a lease was last not without the kernel
    MonotonicTime control_stopped = kNever;
    MonotonicTime control_look = kNever;
    MonotonicTime stopped_at{};
    std::vector<bool> missed_links;  // what its link did while the node was stopped
    bool link_up = true;
    bool refused = false;
    bool backends_up = false, in_sync = false;
    MonotonicTime came_up{};  // it started, or its link came up
  };
  struct Delivery {
    int node;
    wire::ReceivedAdvert received;
  };

  struct Word {
    int node;
    vrrp::RouterId router;
    vrrp::PeerRole peer;
  };

  void tell_roles();
  void deliver(const Word& word);
  void carry_out(int node);
  void apply_kernel(int node);
  void look_at_control(int node);
  [[nodiscard]] bool answers(const Node& node, std::size_t router, MonotonicTime at) const;
  [[nodiscard]] bool connected() const;
  void note_connected();
  void check_takeover(int node, const vrrp::Transition& moved);
  void send(int from, const vrrp::SendAdvert& action);
  [[nodiscard]] bool loses(int from, vrrp::RouterId router);
  void deliver(const Delivery& delivery);
  void watch_leases(MonotonicTime until);
  [[nodiscard]] Duration up_to(Duration most);
  [[nodiscard]] bool chance(double of_one);

  std::mt19937 random_, random_of_sync_;  // a sync link changes nothing of the wire's luck
  WireSettings wire_;
  SyncLinkSettings sync_;
  bool sync_cut_ = false;
  MonotonicTime tell_at_{};
  std::multimap<MonotonicTime, Word> words_;
  std::array<Node, kNodes> nodes_;
  std::multimap<MonotonicTime, Delivery> in_flight_;
  vrrp::Actions actions_;
  MonotonicTime now_{std::chrono::seconds(1000)};
  std::vector<Duration> overlap_, ghost_;  // by RouterId: of the current stretch
  std::vector<MonotonicTime> answered_;    // by RouterId: when a lease was last live
  std::array<std::vector<int>, kNodes> caches_;
  std::array<std::vector<int>, kNodes> lost_;  // by sender and RouterId: adverts in a row
  Duration longest_hollow_{};
  Duration longest_overlap_{}, longest_ghost_{}, longest_gap_{};
  bool cut_ = false;
  MonotonicTime connected_since_{};
  bool was_refused_ = false;  // adverts of either node, since then
  std::string violation_;
  std::uint64_t transitions_ = 0;
};

}  // namespace tandem::scenario
