// SPDX-License-Identifier: Apache-2.0
#include "netlink/next_hop.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace tandem::netlink {
namespace {

Duration retry_after(unsigned unanswered) {
  return NextHops::kFirstRetry * (1 << std::min(unanswered, 3U));
}

// The last address that `prefix` covers; its first is the smallest that compares not less.
IpAddress last_of(const IpPrefix& prefix) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(prefix.address.bytes(), bytes.begin());
  const std::size_t size = prefix.address.bytes().size();
  for (std::size_t bit = prefix.length; bit < size * 8; ++bit)
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80 >> bit % 8);
  if (prefix.address.is_v4()) return IpAddress::v4(std::span(bytes).first<4>());
  return IpAddress::v6(bytes);
}

const char* question_of(Family family) {
  return family == Family::ipv4 ? "ARP" : "Neighbor Solicitation";
}

}  // namespace

Result<NextHops> NextHops::open() {
  auto monitor =
      Monitor::open({RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_LINK});
  if (!monitor) return std::unexpected(monitor.error());
  auto requests = Requests::open();
  if (!requests) return std::unexpected(requests.error());
  return NextHops(std::move(*monitor), std::move(*requests));
}

// ---- What the caller asks ----------------------------------------------------------------------

void NextHops::watch(const std::vector<Destination>& destinations, MonotonicTime now) {
  const std::set<Destination> wanted(destinations.begin(), destinations.end());
  for (auto it = targets_.begin(); it != targets_.end();) {
    const auto here = it++;
    if (wanted.contains(here->first)) continue;
    detach(here->first, here->second);
    routes_due_.erase(here->first);
    changed_.erase(here->first);
    targets_.erase(here);
  }
  for (const auto& destination : wanted)
    if (targets_.try_emplace(destination).second) routes_due_.set(destination, now);
  on_time(now);
}

std::optional<NextHop> NextHops::lookup(const Destination& destination) const {
  const auto target = targets_.find(destination);
  return target == targets_.end() ? std::nullopt : target->second.published;
}

std::string NextHops::why_unresolved(const Destination& destination) const {
  const auto target = targets_.find(destination);
  if (target == targets_.end()) return "not watched";
  if (target->second.published) return {};
  const auto& route = target->second.route;
  if (!route) return target->second.trouble;

  const auto& neighbour = neighbours_.at({route->hop, route->ifindex});
  const auto device = device_name(route->ifindex);
  const std::string question = question_of(route->hop.family());
  if (neighbour.state.reach == Reach::good || neighbour.state.reach == Reach::stale)
    return device + " has no MAC addresses";
  if (!neighbour.trouble.empty())
    return "cannot send " + question + " on " + device + ": " + neighbour.trouble;
  std::string whose = route->hop == destination.address ? "" : " for " + route->hop.to_string();
  if (neighbour.unanswered > 0) return "no answer to " + question + whose + " on " + device;
  return "waiting for an answer to " + question + whose + " on " + device;
}

void NextHops::ask_again(const IpAddress& address, MonotonicTime now) {
  for (const auto& [destination, target] : targets_)
    if (destination.address == address) routes_due_.set_sooner(destination, now);
  on_time(now);
}

MonotonicTime NextHops::next_deadline() const {
  return std::min(routes_due_.next(), neighbours_due_.next());
}

// ---- What the kernel reports -------------------------------------------------------------------

void NextHops::process(MonotonicTime now) {
  if (!monitor_.drain([&](nl_msg& message) { take(message, now); })) ask_all_again(now);
  on_time(now);
}

void NextHops::take(nl_msg& message, MonotonicTime now) {
  if (const auto neighbour = read_neighbour(message))
    on_neighbour(neighbour->first, neighbour->second, now);
  else if (const auto prefix = read_route_prefix(message))
    on_route(*prefix, now);
  else if (const auto ifindex = read_link(message))
    on_link(*ifindex, now);
}

void NextHops::on_neighbour(const NeighbourKey& key, const NeighbourState& state,
                            MonotonicTime now) {
  const auto found = neighbours_.find(key);
  if (found == neighbours_.end()) return;
  learn(found->second, state);
  switch (state.reach) {
    case Reach::good:
      return neighbours_due_.set(key, now + kRecheck);
    case Reach::stale:
      return neighbours_due_.set(key, now);
    case Reach::asking:
      return;
    case Reach::unknown:
    case Reach::failed:
      if (found->second.mac && !found->second.asked)
        return neighbours_due_.set(key, now + kAfterFlush);
      return neighbours_due_.set_sooner(key, now + retry_after(found->second.unanswered));
  }
}

// A route may concern the destinations that it covers and those whose gateway it covers: older
// kernels drop routes through a gateway without notice when their source address goes.
void NextHops::on_route(const IpPrefix& prefix, MonotonicTime now) {
  const auto last = last_of(prefix);
  constexpr int kLastIndex = std::numeric_limits<int>::max();
  const auto end = targets_.upper_bound({last, kLastIndex});
  for (auto it = targets_.lower_bound({prefix.address, 0}); it != end; ++it)
    routes_due_.set_sooner(it->first, now);
  const auto end_of_hops = neighbours_.upper_bound({last, kLastIndex});
  for (auto it = neighbours_.lower_bound({prefix.address, 0}); it != end_of_hops; ++it)
    for (const auto& user : it->second.users) routes_due_.set_sooner(user, now);
}

void NextHops::on_link(int ifindex, MonotonicTime now) {
  for (const auto& [key, neighbour] : neighbours_) {
    if (key.ifindex != ifindex) continue;
    neighbours_due_.set_sooner(key, now);
    for (const auto& user : neighbour.users) routes_due_.set_sooner(user, now);
  }
}

void NextHops::ask_all_again(MonotonicTime now) {
  for (const auto& [destination, target] : targets_) routes_due_.set_sooner(destination, now);
  for (const auto& [key, neighbour] : neighbours_) neighbours_due_.set_sooner(key, now);
}

// ---- What is due -------------------------------------------------------------------------------

void NextHops::on_time(MonotonicTime now) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    const auto destination = routes_due_.pop(now);
    if (!destination) break;
    resolve_route(*destination, now);
  }
  for (std::size_t i = 0; i < kBatch; ++i) {
    const auto key = neighbours_due_.pop(now);
    if (!key) break;
    resolve_neighbour(*key, now);
  }
  call_back();
}

void NextHops::resolve_route(const Destination& destination, MonotonicTime now) {
  auto& target = targets_.at(destination);
  const auto route = ask_route(requests_, destination);
  if (route) {
    attach(destination, target, *route, now);
  } else {
    detach(destination, target);
    target.trouble = route.error().reason;
  }
  routes_due_.set(destination, now + (route ? kRecheck : kNoRouteRetry));
  publish(destination);
}

void NextHops::resolve_neighbour(const NeighbourKey& key, MonotonicTime now) {
  auto& neighbour = neighbours_.at(key);
  neighbour.trouble.clear();
  if (const auto state = ask_neighbour(requests_, key))
    learn(neighbour, *state);
  else
    neighbour.trouble = state.error().reason;
  auto& reach = neighbour.state.reach;
  const bool usable = reach == Reach::good || reach == Reach::stale;
  neighbours_due_.set(key, now + (usable ? kRecheck : retry_after(neighbour.unanswered)));
  if (reach == Reach::good) return;
  if (const auto used = use_neighbour(requests_, key); !used)
    neighbour.trouble = used.error().reason;
  else if (!usable)
    reach = Reach::asking;
  neighbour.asked = !usable;
}

void NextHops::learn(Neighbour& neighbour, const NeighbourState& state) {
  if (state.reach == Reach::failed && neighbour.state.reach != Reach::failed)
    ++neighbour.unanswered;
  if (state.reach == Reach::good || state.reach == Reach::stale) neighbour.unanswered = 0;
  neighbour.state = state;
  if (state.mac) {
    neighbour.mac = state.mac;
    neighbour.asked = false;
  } else if (state.reach == Reach::failed && neighbour.asked) {
    neighbour.mac.reset();
  }
  for (const auto& user : neighbour.users) publish(user);
}

void NextHops::attach(const Destination& destination, Target& target, const Route& route,
                      MonotonicTime now) {
  const NeighbourKey key{route.hop, route.ifindex};
  if (target.route && NeighbourKey{target.route->hop, target.route->ifindex} != key)
    detach(destination, target);
  target.route = route;
  const auto [neighbour, is_new] = neighbours_.try_emplace(key);
  neighbour->second.users.insert(destination);
  if (is_new) neighbours_due_.set(key, now);
}

void NextHops::detach(const Destination& destination, Target& target) {
  if (!target.route) return;
  const auto neighbour = neighbours_.find({target.route->hop, target.route->ifindex});
  target.route.reset();
  neighbour->second.users.erase(destination);
  if (!neighbour->second.users.empty()) return;
  neighbours_due_.erase(neighbour->first);
  neighbours_.erase(neighbour);
}

// Notes what lookup() is to say, and whether that is new.
void NextHops::publish(const Destination& destination) {
  auto& target = targets_.at(destination);
  std::optional<NextHop> now;
  if (target.route)
    if (const auto& mac = neighbours_.at({target.route->hop, target.route->ifindex}).mac)
      now = NextHop{target.route->ifindex, *mac, target.route->source, target.route->mtu};
  if (now == target.published) return;
  target.published = now;
  changed_.insert(destination);
}

void NextHops::call_back() {
  const auto changed = std::exchange(changed_, {});
  if (!on_change_) return;
  for (const auto& destination : changed) on_change_(destination);
}

}  // namespace tandem::netlink
