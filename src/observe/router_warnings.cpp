// SPDX-License-Identifier: Apache-2.0
#include "observe/router_warnings.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "wire/vrrp.hpp"

namespace tandem::observe {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Warning = std::optional<std::string>;

// What an advert said is true for that long, or for three of its intervals, if no other one came.
constexpr Duration kFresh = seconds(10);
// Adverts of a lower Active: one that hears this node gives way after one or two.
constexpr std::uint32_t kRivals = 5;
constexpr Duration kForgotten = minutes(10);  // how long a handover is no oversight

bool is_fresh(MonotonicTime seen, const vrrp::Status& status, const Now& now) {
  if (seen == MonotonicTime{}) return false;
  return now.monotonic - seen < std::max(kFresh, 3 * status.active_adver_interval);
}

std::string text_of(Duration time) {
  if (time < seconds(10)) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    return std::to_string(ms) + " ms";
  }
  const auto s = std::chrono::duration_cast<seconds>(time).count();
  if (s < 120) return std::to_string(s) + " s";
  return s < 7200 ? std::to_string(s / 60) + " min" : std::to_string(s / 3600) + " h";
}

// No combination of failing checks brings the priority below the peer's.
Warning stuck_priority(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  if (router.config.track.empty() || !router.lowest_reachable || status.peer.is_unspecified())
    return std::nullopt;
  // A Backup says nothing, and may have more again than when it last did.
  const bool fresh = is_fresh(status.peer_seen, status, now) && status.peer_priority != 0;
  const int peer = fresh ? status.peer_priority : status.highest_peer_priority;
  const int lowest = *router.lowest_reachable;
  if (peer == 0 || lowest < peer) return std::nullopt;
  const std::string remedy = "track a check without weight, so that its failing means Fault";
  return "no combination of failing checks moves the addresses: the priority never gets below " +
         std::to_string(lowest) + ", and the peer's is " + std::to_string(peer) + " (heard " +
         text_of(now.monotonic - status.peer_seen) + " ago); " +
         (lowest == wire::kOwnerPriority
              ? "weights do not move an address owner (255): " + remedy
              : "let the weights take away " + std::to_string(lowest - peer + 1) + " more, or " +
                    remedy);
}

Warning unsent(const RouterView& router, const Now&) {
  const vrrp::Status& status = router.status;
  if (status.send_error == 0) return std::nullopt;
  std::string text =
      to_string(vrrp::Notice{status.id, vrrp::Matter::adverts_stuck, status.send_error}) + " on " +
      router.config.interface + "; this node does not answer for the addresses while that lasts";
  if (status.send_error == EMSGSIZE)
    text += "; raise the interface's MTU, or spread the addresses over several virtual routers";
  return text;
}

Warning other_addresses(const RouterView& router, const Now&) {
  const vrrp::Status& status = router.status;
  if (!status.addresses_differ) return std::nullopt;
  return "the last advert of peer " + status.peer.to_string() +
         " names other addresses than this node has; give both nodes the same list: keepalived "
         "drops adverts with another one, and becomes master beside this node. If it is no peer of "
         "this node, VRID " +
         std::to_string(router.config.vrid) + " is taken here: choose another vrid";
}

Warning long_interval(const RouterView& router, const Now&) {
  const vrrp::Status& status = router.status;
  if (status.unlearned_interval == Duration{}) return std::nullopt;
  return "peer " + status.peer.to_string() + " announces an advert interval of " +
         text_of(status.unlearned_interval) + ", more than max_learned_interval (" +
         text_of(status.active_adver_interval) +
         "): this node does not wait that long; give both nodes the same advert_interval, or look "
         "for who forges adverts";
}

Warning two_active(const RouterView& router, const Now&) {
  const vrrp::Status& status = router.status;
  if (status.state != vrrp::State::active || status.rivals_heard < kRivals) return std::nullopt;
  return "two nodes are Active: " + status.peer.to_string() + " (priority " +
         std::to_string(status.peer_priority) +
         ") advertises beside this node and does not give way: it does not hear this node's "
         "adverts, "
         "or drops them; `tandemctl vrrp` there tells which, and filters between the nodes must "
         "let "
         "IP protocol 112 pass both ways";
}

// Adverts of the peer do not come, and the sync link says that it is there.
Warning adverts_lost(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  if (status.held_back)
    return "adverts are lost on the front network: none is heard, and the peer says over the sync "
           "link that it is Active; this node takes over soon all the same";
  const auto& peer = status.peer_role;
  const Duration old = std::max<Duration>(seconds(1), 3 * status.active_adver_interval);
  if (status.state != vrrp::State::active || !peer || !peer->role.is_active_and_well() ||
      now.monotonic - peer->as_of > old || now.monotonic - status.since < old)
    return std::nullopt;
  return "two nodes are Active: the peer says over the sync link that it is Active, too "
         "(priority " +
         std::to_string(peer->role.priority) +
         "), so adverts are lost on the front network; look at the link of " +
         router.config.interface +
         " on both nodes, and at filters between them: IP protocol 112 must pass both ways";
}

Warning equal_priorities(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  if (!is_fresh(status.peer_seen, status, now) || status.configured_priority == 0 ||
      status.highest_peer_priority != status.configured_priority)
    return std::nullopt;
  return "peer " + status.peer.to_string() + " has the same priority, " +
         std::to_string(status.configured_priority) +
         ": which node is Active depends on their addresses, and on who was first; give one of "
         "them "
         "a higher priority";
}

Warning in_fault(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  if (status.state != vrrp::State::fault) return std::nullopt;
  return "is in Fault for " + text_of(now.monotonic - status.since) + ": " +
         vrrp::to_string(status.cause) + "; it takes no part until that is over";
}

Warning handed_over(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  const Duration since = now.monotonic - status.since;
  if (!status.handed_over || since < kForgotten) return std::nullopt;
  return "handed over " + text_of(since) +
         " ago, and does not come back by itself while the peer is Active; `tandemctl failover " +
         router.config.name + " --back` takes it back";
}

// The last adverts were good, but their time is about to leave the window.
Warning clocks_differ(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  const auto& auth = router.config.auth;
  if (!auth || !status.peer_key || !is_fresh(status.peer_seen, status, now)) return std::nullopt;
  const Duration window = auth->window(router.config.advert_interval);
  const Duration apart = std::chrono::abs(status.peer_clock);
  if (auth->anti_replay != wire::AntiReplay::time || apart <= window / 2) return std::nullopt;
  return "peer " + status.peer.to_string() + " signs by a clock that differs from this node's by " +
         text_of(apart) + ", of " + text_of(window) +
         " that auth.time_window allows: look at NTP on both nodes";
}

Warning unverified(const RouterView& router, const Now& now) {
  const vrrp::Status& status = router.status;
  const auto& auth = router.config.auth;
  if (!is_fresh(status.peer_seen, status, now)) return std::nullopt;
  if (!auth && status.peer_key)
    return "peer " + status.peer.to_string() +
           " signs its adverts, and this node has no auth to verify them by";
  return std::nullopt;
}

// What to do where adverts are dropped for this reason; nullptr: it says all.
const char* remedy(wire::AdvertDrop reason) {
  switch (reason) {
    case wire::AdvertDrop::version:
      return "give both nodes the same VRRP version";
    case wire::AdvertDrop::authentication:
      return "give both nodes the same password, or look for who forges adverts";
    case wire::AdvertDrop::interval_mismatch:
      return "VRRP version 2 asks for the same advert_interval on both nodes";
    case wire::AdvertDrop::not_a_peer:
      return "if it is the other node, both have to use multicast, or to name each other in "
             "unicast_peers; if not, choose another vrid";
    case wire::AdvertDrop::not_signed:
      return "give that node the same auth, or this one mode = \"permissive\" until it has it; or "
             "look for who forges adverts";
    case wire::AdvertDrop::unknown_key:
      return "give both nodes the same auth.keys: a new key to both, before either signs with it";
    case wire::AdvertDrop::bad_signature:
      return "both nodes need the same secret under the same id; or look for who forges adverts";
    case wire::AdvertDrop::stale:
      return "the clocks of the two nodes differ by more than auth.time_window: look at NTP on "
             "both; "
             "or look for who repeats old adverts";
    case wire::AdvertDrop::replay:
      return "somebody repeats its adverts; or its clock was set back while it did not run";
    case wire::AdvertDrop::own:
      return "another host uses this node's own address, or a loop in the network sends its frames "
             "back";
    default:
      return nullptr;
  }
}

std::vector<std::string> drops(const RouterView& router, const Now& now) {
  std::vector<std::string> sentences;
  const vrrp::Status& status = router.status;
  for (std::size_t i = 1; i < wire::kAdvertDrops; ++i) {  // reasons are numbered from 1 on
    const auto reason = static_cast<wire::AdvertDrop>(i);
    const vrrp::LastDrop& last = status.last_dropped[i];
    if (!is_fresh(last.at, status, now)) continue;
    const char* advice = remedy(reason);
    sentences.push_back("adverts of " + last.source.to_string() + " are dropped (" +
                        wire::to_string(reason) + ", " + std::to_string(status.dropped[i]) +
                        " so far)" + (advice == nullptr ? "" : std::string("; ") + advice));
  }
  return sentences;
}

}  // namespace

std::vector<std::string> router_warnings(const RouterView& router, const Now& now) {
  std::vector<std::string> sentences = router.warnings;
  for (const auto rule :
       {in_fault, two_active, adverts_lost, unsent, other_addresses, long_interval,
        equal_priorities, clocks_differ, unverified, stuck_priority, handed_over})
    if (auto sentence = rule(router, now)) sentences.push_back(std::move(*sentence));
  for (auto& sentence : drops(router, now)) sentences.push_back(std::move(sentence));
  return sentences;
}

}  // namespace tandem::observe
