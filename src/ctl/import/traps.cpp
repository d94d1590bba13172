// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/traps.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace tandem::importer {
namespace {

const VirtualRouter* counterpart(const VirtualRouter& router, const Gateway& peer) {
  const auto* vrid = router.table.find("vrid");
  for (const auto& other : peer.routers)
    if (other.family == router.family && other.table.find("vrid")->value == vrid->value)
      return &other;
  return nullptr;
}

// Where the peer would be, if one can tell.
struct Gap {
  int priorities;
  std::string why;
};

// Without the peer's file: in dual master the priorities of this node's other virtual routers are
// those that the peer has for this one. Otherwise 100 is the usual one.
std::optional<Gap> gap_of(const VirtualRouter& router, const Gateway& ours, const Gateway* peer) {
  if (peer != nullptr) {
    const auto* other = counterpart(router, *peer);
    if (other == nullptr || other->priority >= router.priority) return std::nullopt;
    return Gap{router.priority - other->priority,
               "the peer has " + std::to_string(other->priority)};
  }
  int below = 0;
  for (const auto& other : ours.routers)
    if (other.priority < router.priority) below = std::max(below, other.priority);
  if (below != 0)
    return Gap{router.priority - below, "the peer likely has " + std::to_string(below) +
                                            ", as another virtual router has here"};
  constexpr int kUsual = 100;
  if (router.priority > kUsual)
    return Gap{router.priority - kUsual, "the peer likely has 100, keepalived's default"};
  if (!router.starts_as_master) return std::nullopt;  // the one that stands in
  constexpr int kAdvised = 50;  // keepalived.conf(5): "50 more than on other machines"
  return Gap{kAdvised, "keepalived.conf(5) advises 50 between the nodes"};
}

void check_weights(const VirtualRouter& router, const Gateway& ours, const Gateway* peer,
                   Notes& notes) {
  int reach = 0;
  const Tracked* first = nullptr;
  for (const auto& item : router.tracked) {
    const int weight = item.weight.value_or(0);
    if (weight == 0) return;  // failing means Fault: that moves the address
    if (item.is_reversed) continue;
    reach += std::abs(weight);
    if (first == nullptr) first = &item;
  }
  if (first == nullptr || router.priority == 255) return;
  const auto gap = gap_of(router, ours, peer);
  if (!gap || reach > gap->priorities) return;
  notes.trap(first->place, router.name + ": tracking moves its priority of " +
                               std::to_string(router.priority) + " by " + std::to_string(reach) +
                               " at most, and " + gap->why +
                               ": the address will not move, neither with keepalived. Expected "
                               "weights of more than " +
                               std::to_string(gap->priorities) + " together, or none");
}

std::set<IpAddress> addresses_of(const VirtualRouter& router) {
  return {router.addresses.begin(), router.addresses.end()};
}

// One virtual router on both nodes.
void compare(const VirtualRouter& ours, const VirtualRouter& peer, Notes& notes) {
  const auto& where = ours.table.from;
  const auto say = [&](const std::string& what) {
    notes.trap(where, ours.name + ": " + what + " (" + peer.table.from.to_string() + ")");
  };
  if (ours.priority == peer.priority)
    say("both nodes have the priority " + std::to_string(ours.priority) +
        ", and whoever is Active first stays so");
  for (const char* key : {"version", "advert_interval", "password", "down_adverts", "mac"}) {
    const auto* a = ours.table.find(key);
    const auto* b = peer.table.find(key);
    if ((a == nullptr) != (b == nullptr) || (a != nullptr && a->value != b->value))
      say(std::string(key) + " differs on the peer, expected the same on both nodes");
  }
  if (addresses_of(ours) != addresses_of(peer))
    say("the addresses differ on the peer, and keepalived drops adverts with others than its own");
}

}  // namespace

void find_traps(Gateway& ours, const Gateway* peer) {
  for (auto& router : ours.routers) {
    const auto first = ours.notes.size();
    check_weights(router, ours, peer, ours.notes);
    if (peer != nullptr) {
      const auto* other = counterpart(router, *peer);
      if (other != nullptr)
        compare(router, *other, ours.notes);
      else
        ours.notes.trap(router.table.from,
                        router.name + ": the peer has no virtual router with this VRID");
    }
    auto comments = ours.notes.place_from(first);
    router.table.comments.insert(router.table.comments.end(), comments.begin(), comments.end());
  }
}

}  // namespace tandem::importer
