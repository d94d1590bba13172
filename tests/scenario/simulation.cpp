// SPDX-License-Identifier: Apache-2.0
#include "simulation.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "vrrp/heartbeat.hpp"
#include "vrrp/timers.hpp"

namespace tandem::scenario {
namespace {

constexpr std::uint16_t kInterface = 1;
constexpr Duration kControlLook = vrrp::Heartbeat::kLook;

}  // namespace

std::vector<std::uint32_t> seeds(std::uint32_t last) {
  std::uint32_t first = 1;
  if (const char* wanted = std::getenv("TANDEM_SEEDS")) {
    char* end = nullptr;
    first = last = static_cast<std::uint32_t>(std::strtoul(wanted, &end, 10));
    if (*end == '-') last = static_cast<std::uint32_t>(std::strtoul(end + 1, nullptr, 10));
  }
  std::vector<std::uint32_t> all(last + 1 - first);
  std::iota(all.begin(), all.end(), first);
  return all;
}

Simulation::Simulation(std::uint32_t seed, const WireSettings& wire,
                       const std::array<Routers, 2>& routers)
    : random_(seed),
      random_of_sync_(seed),
      wire_(wire),
      overlap_(routers[0].size()),
      ghost_(routers[0].size()),
      answered_(routers[0].size(), now_) {
  caches_.fill(std::vector<int>(routers[0].size(), -1));
  lost_.fill(std::vector<int>(routers[0].size()));
  for (int n = 0; n < kNodes; ++n) {
    nodes_[n].routers = routers[n];
    nodes_[n].source = *IpAddress::parse(n == 0 ? "192.0.2.2" : "192.0.2.3");
    nodes_[n].lease.resize(routers[n].size());
    nodes_[n].active_since.resize(routers[n].size());
    nodes_[n].wanted.resize(routers[n].size());
    nodes_[n].kernel.resize(routers[n].size());
    nodes_[n].filled.resize(routers[n].size(), now_);
  }
}

Duration Simulation::up_to(Duration most) {
  return Duration(std::uniform_int_distribution<Duration::rep>(0, most.count())(random_));
}

bool Simulation::chance(double of_one) {
  return of_one > 0 && std::uniform_real_distribution<>(0, 1)(random_) < of_one;
}

void Simulation::start(int node) {
  Node& n = nodes_[node];
  n.set = {};
  n.mode = Mode::running;
  n.inbox.clear();
  n.missed_links.clear();
  n.failing.clear();
  n.able_since = n.came_up = now_;
  n.control_stopped = n.control_look = kNever;
  n.backends_up = false;
  std::ranges::fill(n.lease, MonotonicTime{});  // swept at the start of the daemon
  n.wanted.assign(n.routers.size(), false);
  n.kernel.assign(n.routers.size(), false);
  for (vrrp::RouterId id = 0; id < n.routers.size(); ++id) {
    n.set.add(id, kInterface, n.routers[id], n.source, n.link_up, now_, actions_);
    n.set.set_in_sync(id, n.in_sync);
  }
  carry_out(node);
}

void Simulation::crash(int node) {
  nodes_[node].mode = Mode::down;
}

void Simulation::stop(int node) {
  nodes_[node].mode = Mode::stopped;
  nodes_[node].stopped_at = now_;
}

// As the driver does: queued adverts first, then the time. Nobody looked at the control thread
// meanwhile, and so that time does not count.
void Simulation::resume(int node, bool queue_lost) {
  Node& n = nodes_[node];
  n.mode = Mode::running;
  n.able_since = now_;
  if (n.control_stopped != kNever)
    n.control_stopped += now_ - std::max(n.stopped_at, n.control_stopped);
  for (const bool up : std::exchange(n.missed_links, {})) {
    n.set.on_interface(kInterface, up, n.source, {}, now_, actions_);
    carry_out(node);
  }
  if (queue_lost) n.inbox.clear();
  for (; !n.inbox.empty(); n.inbox.pop_front()) deliver({node, n.inbox.front()});
  n.set.on_time(now_, actions_);
  carry_out(node);
}

void Simulation::track(int node, std::uint16_t source, bool up) {
  Node& n = nodes_[node];
  if (up) n.failing.erase(source);
  if (!up) n.failing.insert(source);
  n.able_since = now_;
  n.set.on_track(source, up, now_, actions_);
  carry_out(node);
}

void Simulation::refuse(int node, bool refused) {
  nodes_[node].refused = refused;
  nodes_[node].able_since = now_;
  was_refused_ = was_refused_ || refused;
}

void Simulation::cut(bool cut) {
  cut_ = cut;
  note_connected();
}

void Simulation::backends(int node, bool up) {
  Node& n = nodes_[node];
  n.backends_up = up;
  if (n.mode == Mode::down) return;
  for (vrrp::RouterId id = 0; id < n.routers.size(); ++id) n.set.set_backends_up(id, up);
}

void Simulation::control(int node, bool runs) {
  Node& n = nodes_[node];
  if (runs == (n.control_stopped == kNever)) return;
  n.able_since = now_;
  n.control_stopped = runs ? kNever : now_;
  n.control_look = runs ? kNever : now_ + kControlLook;
  if (!runs) return;
  apply_kernel(node);
  if (n.mode == Mode::running) n.set.on_control({}, now_, actions_);
  carry_out(node);
}

// What the control thread was told to do, it does when it runs.
void Simulation::apply_kernel(int node) {
  Node& n = nodes_[node];
  if (n.control_stopped != kNever) return;
  for (vrrp::RouterId id = 0; id < n.routers.size(); ++id) {
    n.kernel[id] = n.wanted[id];
    if (n.kernel[id] && n.mode == Mode::running) n.set.on_installed(id, now_, actions_);
  }
}

void Simulation::look_at_control(int node) {
  Node& n = nodes_[node];
  if (n.control_look > now_) return;
  n.control_look = now_ + kControlLook;
  const Duration silent = now_ - n.control_stopped;
  if (silent >= vrrp::kUnserved) n.set.on_control(silent, now_, actions_);
  carry_out(node);
}

void Simulation::interface(int node, bool up) {
  Node& n = nodes_[node];
  if (up && !n.link_up) {
    n.came_up = now_;
    note_connected();
  }
  n.link_up = up;
  n.able_since = now_;
  if (n.mode == Mode::stopped) n.missed_links.push_back(up);
  if (n.mode != Mode::running) return;
  n.set.on_interface(kInterface, up, n.source, {}, now_, actions_);
  carry_out(node);
}

void Simulation::fail_over(int node, vrrp::RouterId router) {
  nodes_[node].set.hand_over(router, false, now_, actions_);
  carry_out(node);
}

void Simulation::back(int node, vrrp::RouterId router) {
  nodes_[node].set.back(router, now_, actions_);
  carry_out(node);
}

void Simulation::in_sync(int node, bool in_sync) {
  Node& n = nodes_[node];
  n.in_sync = in_sync;
  if (n.mode == Mode::down) return;
  for (vrrp::RouterId id = 0; id < n.routers.size(); ++id) n.set.set_in_sync(id, in_sync);
}

bool Simulation::active(int node, vrrp::RouterId router) const {
  return running(node) && nodes_[node].set.status(router).state == vrrp::State::active;
}

void Simulation::run(Duration time) {
  const MonotonicTime end = now_ + time;
  while (true) {
    MonotonicTime next = in_flight_.empty() ? kNever : in_flight_.begin()->first;
    for (int n = 0; n < kNodes; ++n) {
      if (running(n)) next = std::min({next, nodes_[n].wake, nodes_[n].control_look});
    }
    if (sync_.present) next = std::min(next, tell_at_);
    if (!words_.empty()) next = std::min(next, words_.begin()->first);
    next = std::max(next, now_);
    watch_leases(std::min(next, end));
    now_ = std::min(next, end);
    if (next > end) return;
    while (!in_flight_.empty() && in_flight_.begin()->first <= now_) {
      deliver(in_flight_.extract(in_flight_.begin()).mapped());
    }
    while (!words_.empty() && words_.begin()->first <= now_) {
      deliver(words_.extract(words_.begin()).mapped());
    }
    if (sync_.present && tell_at_ <= now_) tell_roles();
    for (int n = 0; n < kNodes; ++n) {
      if (running(n)) look_at_control(n);
      if (!running(n) || nodes_[n].wake > now_) continue;
      nodes_[n].set.on_time(now_, actions_);
      carry_out(n);
    }
  }
}

// A stream: what is later does not overtake, and what a receiver knows of the age is no less than it is.
void Simulation::tell_roles() {
  tell_at_ = now_ + sync_.interval;
  vrrp::RoleBoard board;
  const auto delay = [this] {
    return Duration(
        std::uniform_int_distribution<Duration::rep>(0, sync_.most_delay.count())(random_of_sync_));
  };
  for (int n = 0; n < kNodes; ++n) {
    const bool lost = std::uniform_real_distribution<>(0, 1)(random_of_sync_) < sync_.loss;
    MonotonicTime when = now_ + delay();
    const MonotonicTime as_of = now_ - delay();
    if (!running(n) || sync_cut_ || lost) continue;
    for (const auto& [other, flying] : words_)
      if (flying.node == 1 - n) when = std::max(when, other);
    nodes_[n].set.tell_roles(board);
    for (vrrp::RouterId id = 0; id < nodes_[n].routers.size(); ++id)
      words_.emplace(when, Word{1 - n, id, {board.own(id, now_), as_of}});
  }
}

void Simulation::deliver(const Word& word) {
  Node& n = nodes_[word.node];
  if (n.mode != Mode::running || sync_cut_) return;
  n.set.on_peer_role(word.router, word.peer, now_, actions_);
  carry_out(word.node);
}

void Simulation::deliver(const Delivery& delivery) {
  Node& n = nodes_[delivery.node];
  if (n.mode == Mode::stopped) n.inbox.push_back(delivery.received);
  if (n.mode != Mode::running) return;
  n.set.on_advert(kInterface, delivery.received, now_, actions_);
  carry_out(delivery.node);
}

void Simulation::carry_out(int node) {
  Node& n = nodes_[node];
  for (std::size_t i = 0; i < actions_.size(); ++i) {
    const vrrp::Action action = actions_[i];  // what became of an advert may ask for more
    if (const auto* grant = std::get_if<vrrp::GrantLease>(&action)) {
      n.lease[grant->router] = grant->deadline;
    } else if (const auto* revoke = std::get_if<vrrp::RevokeLease>(&action)) {
      n.lease[revoke->router] = {};
    } else if (const auto* advert = std::get_if<vrrp::SendAdvert>(&action)) {
      if (!n.refused) send(node, *advert);
      if (advert->priority != vrrp::kResignPriority) {
        n.set.on_sent(advert->router, n.refused ? ENOBUFS : 0, now_, actions_);
      }
    } else if (const auto* told = std::get_if<vrrp::Announce>(&action)) {
      for (int half = 0; half < kNodes; ++half) {
        if (n.link_up && (half == node || !cut_)) caches_[half][told->router] = node;
      }
    } else if (const auto* install = std::get_if<vrrp::InstallAddresses>(&action)) {
      n.wanted[install->router] = true;
      apply_kernel(node);
    } else if (const auto* remove = std::get_if<vrrp::RemoveAddresses>(&action)) {
      n.wanted[remove->router] = false;
      apply_kernel(node);
    } else if (const auto* moved = std::get_if<vrrp::Transition>(&action)) {
      ++transitions_;
      check_takeover(node, *moved);
    }
  }
  actions_.clear();
  const MonotonicTime deadline = n.set.next_deadline();
  n.wake = deadline == kNever ? kNever : deadline + up_to(wire_.most_lateness);
}

// Silence of a node that crashed or was stopped means that its lease has ended; unless it became
// Active just now, and its first advert is still on the wire.
void Simulation::check_takeover(int node, const vrrp::Transition& moved) {
  if (moved.to != vrrp::State::active) return;
  nodes_[node].active_since[moved.router] = now_;
  const Node& other = nodes_[1 - node];
  if (now_ - vrrp::kUnserved - 2 * kControlLook > nodes_[node].control_stopped) {
    violation_ = "router " + std::to_string(moved.router) + ": node " + std::to_string(node) +
                 " took over while its control thread stood still, at " +
                 std::to_string(now_.time_since_epoch().count()) + " ns";
  }
  const Duration patience = nodes_[node].routers[moved.router].backends_patience;
  if (moved.cause == vrrp::Cause::preempted && !nodes_[node].backends_up &&
      now_ < nodes_[node].came_up + patience) {
    violation_ = "router " + std::to_string(moved.router) + ": node " + std::to_string(node) +
                 " preempted before its backends were up, at " +
                 std::to_string(now_.time_since_epoch().count()) + " ns";
  }
  if (moved.cause == vrrp::Cause::preempted && nodes_[node].routers[moved.router].waits_for_flows &&
      !nodes_[node].in_sync) {
    violation_ = "router " + std::to_string(moved.router) + ": node " + std::to_string(node) +
                 " preempted without the flows, at " +
                 std::to_string(now_.time_since_epoch().count()) + " ns";
  }
  if (moved.cause != vrrp::Cause::down_timer || running(1 - node)) return;
  // Its last adverts may have been those that a cut kept from us.
  const vrrp::Settings& settings = nodes_[node].routers[moved.router];
  const Duration lease = vrrp::lease_time(settings.advert_interval, settings.down_adverts);
  if (!connected() || now_ < connected_since_ + settings.advert_interval + lease) return;
  if (other.lease[moved.router] <= now_) return;
  if (now_ - other.active_since[moved.router] <= wire_.most_delay) return;
  if (lost_[1 - node][moved.router] > 0) return;  // longest_ghost() bounds what comes of it
  violation_ = "router " + std::to_string(moved.router) + ": node " + std::to_string(node) +
               " took over before the lease of the other had ended, at " +
               std::to_string(now_.time_since_epoch().count()) + " ns";
}

bool Simulation::loses(int from, vrrp::RouterId router) {
  int& in_a_row = lost_[from][router];
  if (in_a_row >= wire_.most_lost || !chance(wire_.loss[from])) {
    in_a_row = 0;
    return false;
  }
  // A peer that heard none of so many holds the sender for dead.
  if (++in_a_row >= nodes_[from].routers[router].down_adverts) connected_since_ = now_;
  return true;
}

void Simulation::send(int from, const vrrp::SendAdvert& action) {
  if (loses(from, action.router)) return;
  if (cut_ || !nodes_[from].link_up || !nodes_[1 - from].link_up) return;
  const vrrp::Settings& s = nodes_[from].routers[action.router];
  const wire::Advert advert{s.family,          s.version,   s.vrid,     action.priority,
                            s.advert_interval, s.addresses, s.password, s.checksum};
  const Delivery delivery{1 - from, {advert, nodes_[from].source, wire::vrrp_group(s.family)}};
  // One wire, one queue: what was sent later does not arrive earlier.
  MonotonicTime when = now_ + up_to(wire_.most_delay);
  for (const auto& [other, flying] : in_flight_) {
    if (flying.node == delivery.node) when = std::max(when, other);
  }
  in_flight_.emplace(when, delivery);
  if (chance(wire_.doubled)) in_flight_.emplace(when + up_to(wire_.most_delay), delivery);
}

bool Simulation::answers(const Node& node, std::size_t router, MonotonicTime at) const {
  return node.lease[router] > at && node.kernel[router];
}

// They have heard each other, since adverts can pass; or the lease has ended of who could not send.
bool Simulation::connected() const {
  const vrrp::Settings& settings = nodes_[0].routers[0];
  const Duration grace =
      was_refused_ ? vrrp::lease_time(settings.advert_interval, settings.down_adverts) : Duration{};
  return !cut_ && nodes_[0].link_up && nodes_[1].link_up &&
         now_ >= connected_since_ + settings.advert_interval + grace + wire_.most_delay +
                     wire_.most_lateness;
}

void Simulation::note_connected() {
  connected_since_ = now_;
  was_refused_ = nodes_[0].refused || nodes_[1].refused;
}

void Simulation::watch_leases(MonotonicTime until) {
  for (std::size_t id = 0; id < overlap_.size(); ++id) {
    const MonotonicTime both_end = std::min({until, nodes_[0].lease[id], nodes_[1].lease[id]});
    for (Node& n : nodes_) {
      const bool hollow = n.mode == Mode::running && n.lease[id] > now_ && !n.kernel[id];
      if (!hollow) n.filled[id] = until;
      longest_hollow_ = std::max(longest_hollow_, until - n.filled[id]);
      if (answers(n, id, now_)) {
        answered_[id] = std::max(answered_[id], std::min(n.lease[id], until));
      }
    }
    for (const Node& n : nodes_) {
      if (n.mode != Mode::running || !n.failing.empty() || !n.link_up || n.refused) continue;
      if (n.control_stopped != kNever) continue;
      longest_gap_ = std::max(longest_gap_, until - std::max(answered_[id], n.able_since));
    }
    if (both_end <= now_) {
      overlap_[id] = ghost_[id] = {};
      continue;
    }
    if (!connected()) {
      overlap_[id] = ghost_[id] = {};
    } else if (running(0) && running(1)) {
      overlap_[id] += both_end - now_;
      longest_overlap_ = std::max(longest_overlap_, overlap_[id]);
    } else if (running(0) || running(1)) {
      ghost_[id] += both_end - now_;
      longest_ghost_ = std::max(longest_ghost_, ghost_[id]);
    }
  }
}

}  // namespace tandem::scenario
