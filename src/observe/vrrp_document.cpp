// SPDX-License-Identifier: Apache-2.0
#include "observe/vrrp_document.hpp"

#include <algorithm>

#include "observe/router_warnings.hpp"
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

// What the other node says of itself over the sync links.
json peer_role_document(const vrrp::Status& status, const Now& now) {
  if (!status.peer_role) return {};
  const vrrp::Role& role = status.peer_role->role;
  return {{"state", vrrp::to_string(role.state)},
          {"priority", role.priority},
          {"serves", role.serves},
          {"seen_seconds_ago", to_seconds(now.monotonic - status.peer_role->as_of)}};
}

const char* to_string(wire::SigningMode mode) {
  switch (mode) {
    case wire::SigningMode::receive_only:
      return "receive-only";
    case wire::SigningMode::permissive:
      return "permissive";
    case wire::SigningMode::enforce:
      return "enforce";
  }
  return "?";
}

// null: adverts are not signed, nor verified.
json auth_document(const RouterView& router) {
  const auto& auth = router.config.auth;
  if (!auth) return nullptr;
  const vrrp::Status& status = router.status;
  json keys = json::array();
  for (const config::AuthKey& key : auth->keys) keys.push_back(key.id);
  return {{"mode", to_string(auth->mode)},
          {"keys", std::move(keys)},
          {"active_key", auth->signing_key()},
          {"peer_key", status.peer_key ? json(*status.peer_key) : json()},
          {"peer_clock_ms", status.peer_key ? json(to_ms(status.peer_clock)) : json()},
          {"received_signed", status.adverts_signed},
          {"received_unsigned", status.adverts_received - status.adverts_signed}};
}

json addresses_document(const config::Vrrp& config) {
  json addresses = json::array();
  for (const config::VirtualAddress& address : config.addresses)
    addresses.push_back({{"address", address.prefix.to_string()},
                         {"label", address.label.empty() ? json() : json(address.label)},
                         {"device", address.device.empty() ? config.interface : address.device}});
  return addresses;
}

// null: none are kept.
json sockets_document(const SocketsView& sockets) {
  if (!sockets.counts) return nullptr;
  return {{"here", sockets.here},
          {"draining", sockets.draining},
          {"at_most_seconds", sockets.draining ? json(to_seconds(sockets.at_most)) : json()},
          {"there", sockets.there}};
}

json router_document(const RouterView& router, const Now& now) {
  const config::Vrrp& config = router.config;
  const vrrp::Status& status = router.status;
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
      {"peer_over_sync", peer_role_document(status, now)},
      {"held_back", status.held_back},
      {"adverts", adverts_document(router)},
      {"auth", auth_document(router)},
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
      {"sockets", sockets_document(router.sockets)},
      {"dropped", drops_by_reason(status.dropped)},
      {"address_mismatches", status.address_mismatches},
      {"interval_mismatches", status.interval_mismatches},
      {"transitions", status.transitions},
      {"warnings", router_warnings(router, now)}};
}

}  // namespace

const char* to_string(wire::ChecksumForm form) noexcept {
  return form == wire::ChecksumForm::pseudo_header ? "pseudo-header" : "message";
}

json vrrp_document(std::span<const RouterView> routers, const Now& now) {
  json documents = json::array();
  for (const RouterView& router : routers) documents.push_back(router_document(router, now));
  return {{"routers", std::move(documents)}};
}

}  // namespace tandem::observe
