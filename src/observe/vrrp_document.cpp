// SPDX-License-Identifier: Apache-2.0
#include "observe/vrrp_document.hpp"

#include <algorithm>
#include <cerrno>

#include "observe/status_document.hpp"
#include "wire/vrrp.hpp"

namespace tandem::observe {

using nlohmann::json;

namespace {

std::uint64_t count_of(const vrrp::Status& status, wire::ChecksumForm form) {
  return status.adverts_by_checksum[static_cast<std::size_t>(form)];
}

json priority_document(const RouterView& router) {
  return {{"configured", router.status.configured_priority},
          {"effective", router.status.effective_priority},
          {"lowest_reachable", router.lowest_reachable ? json(*router.lowest_reachable) : json()},
          {"explanation", router.priority_explanation}};
}

json peer_document(const vrrp::Status& status, const Now& now) {
  if (status.peer.is_unspecified()) return nullptr;
  return {{"address", status.peer.to_string()},
          {"priority", status.peer_priority},
          {"lowest_priority", status.lowest_peer_priority},
          {"seen_seconds_ago", to_seconds(now.monotonic - status.peer_seen)},
          {"checksum", to_string(status.peer_checksum)}};
}

json adverts_document(const RouterView& router) {
  json forms = json::object();
  for (const auto form : {wire::ChecksumForm::pseudo_header, wire::ChecksumForm::message})
    forms[to_string(form)] = count_of(router.status, form);
  return {{"sent", router.status.adverts_sent},
          {"unsent", router.status.adverts_unsent},
          {"received", router.status.adverts_received},
          {"interval_ms", to_ms(router.config.advert_interval)},
          {"checksum_forms", std::move(forms)}};
}

// What remains until a deadline that may have passed.
json remaining_ms(MonotonicTime deadline, const Now& now) {
  return to_ms(std::max(deadline - now.monotonic, Duration::zero()));
}

json timers_document(const vrrp::Status& status, const Now& now) {
  return {{"active_adver_interval_ms", to_ms(status.active_adver_interval)},
          {"skew_time_ms", to_ms(status.skew_time)},
          {"active_down_interval_ms", to_ms(status.active_down_interval)},
          {"next_deadline_ms",
           status.next_deadline == kNever ? json() : remaining_ms(status.next_deadline, now)}};
}

// Adverts of a lower Active: one that hears us gives way after one or two.
constexpr std::uint32_t kRivals = 5;
constexpr Duration kOwnHeard = std::chrono::seconds(60);

json addresses_document(const config::Vrrp& config) {
  json addresses = json::array();
  for (const config::VirtualAddress& address : config.addresses)
    addresses.push_back({{"address", address.prefix.to_string()},
                         {"label", address.label.empty() ? json() : json(address.label)},
                         {"device", address.device.empty() ? config.interface : address.device}});
  return addresses;
}

json router_document(const RouterView& router, const Now& now) {
  const config::Vrrp& config = router.config;
  const vrrp::Status& status = router.status;
  json warnings = router.warnings;
  if (const auto warning = unreachable_failover_warning(router)) warnings.push_back(*warning);
  for (auto& warning : warnings_of(router, now.monotonic)) warnings.push_back(std::move(warning));
  return {
      {"name", config.name},
      {"interface", config.interface},
      {"vrid", config.vrid},
      {"family", to_string(config.family)},
      {"version", config.version},
      {"state", vrrp::to_string(status.state)},
      {"since", iso_time(now.wall_at(status.since))},
      {"for_seconds", to_seconds(now.monotonic - status.since)},
      {"cause", vrrp::to_string(status.cause)},
      {"priority", priority_document(router)},
      {"peer", peer_document(status, now)},
      {"adverts", adverts_document(router)},
      {"timers", timers_document(status, now)},
      {"lease_ms",
       status.lease_deadline > now.monotonic ? remaining_ms(status.lease_deadline, now) : json()},
      {"addresses", addresses_document(config)},
      {"sync_group", config.sync_group.empty() ? json() : json(config.sync_group)},
      {"handed_over", status.handed_over},
      {"handover", vrrp::to_string(status.handover)},
      {"stalls", status.stalls},
      {"longest_stall_ms", to_ms(status.longest_stall)},
      {"waits_for_flows", status.waits_for_flows},
      {"waits_for_backends", status.waits_for_backends},
      {"dropped", drops_by_reason(status.dropped)},
      {"address_mismatches", status.address_mismatches},
      {"interval_mismatches", status.interval_mismatches},
      {"transitions", status.transitions},
      {"warnings", std::move(warnings)}};
}

}  // namespace

const char* to_string(wire::ChecksumForm form) noexcept {
  return form == wire::ChecksumForm::pseudo_header ? "pseudo-header" : "message";
}

std::optional<std::string> unreachable_failover_warning(const RouterView& router) {
  const vrrp::Status& status = router.status;
  if (router.config.track.empty() || !router.lowest_reachable || status.peer.is_unspecified())
    return std::nullopt;
  // A peer that resigned said 0; what it takes part with is what it said before.
  const int peer = status.peer_priority != 0 ? status.peer_priority : status.lowest_peer_priority;
  const int lowest = *router.lowest_reachable;
  if (peer == 0 || lowest < peer) return std::nullopt;
  const std::string remedy = "track a check without weight, so that its failing means Fault";
  return "no combination of failing checks moves the addresses: the priority never gets below " +
         std::to_string(lowest) + ", and the peer's is " + std::to_string(peer) + "; " +
         (lowest == wire::kOwnerPriority
              ? "weights do not move an address owner (255): " + remedy
              : "let the weights take away " + std::to_string(lowest - peer + 1) + " more, or " +
                    remedy);
}

std::optional<std::string> unsent_warning(const RouterView& router) {
  const vrrp::Status& status = router.status;
  if (status.send_error == 0) return std::nullopt;
  std::string text =
      to_string(vrrp::Notice{status.id, vrrp::Matter::adverts_stuck, status.send_error}) + " on " +
      router.config.interface + "; this node does not answer for the addresses while that lasts";
  if (status.send_error == EMSGSIZE)
    text += "; raise the interface's MTU, or spread the addresses over several virtual routers";
  return text;
}

std::vector<std::string> warnings_of(const RouterView& router, MonotonicTime now) {
  std::vector<std::string> warnings;
  for (auto& warning : {unsent_warning(router), interval_warning(router), addresses_warning(router),
                        rival_warning(router), own_address_warning(router, now)})
    if (warning) warnings.push_back(*warning);
  return warnings;
}

std::optional<std::string> rival_warning(const RouterView& router) {
  const vrrp::Status& status = router.status;
  if (status.state != vrrp::State::active || status.rivals_heard < kRivals) return std::nullopt;
  return "peer " + status.peer.to_string() + " (priority " + std::to_string(status.peer_priority) +
         ") is Active beside this node and does not give way: it does not hear this node's "
         "adverts, "
         "or drops them; `tandemctl vrrp` there tells which, and what filters between the nodes "
         "must let IP protocol 112 pass both ways";
}

std::optional<std::string> own_address_warning(const RouterView& router, MonotonicTime now) {
  const vrrp::Status& status = router.status;
  if (status.own_heard == MonotonicTime{} || now - status.own_heard > kOwnHeard)
    return std::nullopt;
  return "adverts with this node's own address come in on " + router.config.interface +
         " and are dropped: another node has the same address, or the network sends frames back to "
         "where they came from";
}

std::optional<std::string> addresses_warning(const RouterView& router) {
  const vrrp::Status& status = router.status;
  if (!status.addresses_differ) return std::nullopt;
  return "the last advert of peer " + status.peer.to_string() +
         " names other addresses than this node has; give both nodes the same list: keepalived "
         "drops adverts with another one, and becomes master beside this node";
}

std::optional<std::string> interval_warning(const RouterView& router) {
  const vrrp::Status& status = router.status;
  if (status.unlearned_interval == Duration{}) return std::nullopt;
  const auto ms = [](Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
           " ms";
  };
  return "peer " + status.peer.to_string() + " announces an advert interval of " +
         ms(status.unlearned_interval) + ", more than max_learned_interval (" +
         ms(status.active_adver_interval) +
         "): this node does not wait that long; give both nodes the same advert_interval, or look "
         "for who forges adverts";
}

json vrrp_document(std::span<const RouterView> routers, const Now& now) {
  json documents = json::array();
  for (const RouterView& router : routers) documents.push_back(router_document(router, now));
  return {{"routers", std::move(documents)}};
}

}  // namespace tandem::observe
