// SPDX-License-Identifier: Apache-2.0
// The document behind `tandemctl vrrp`. Pure: plain values in, JSON out.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "observe/clock.hpp"
#include "vrrp/router_set.hpp"

namespace tandem::observe {

// A virtual router, from what the configuration and the VRRP thread know of it.
struct RouterView {
  config::Vrrp config;
  vrrp::Status status;
  std::string priority_explanation;   // "150 configured, -60 as check nginx fails"
  std::vector<std::string> warnings;  // beside those this room finds itself
  // The lowest priority that failing checks can bring about; nullopt: some failure means Fault
  // anyway, so that the question does not arise.
  std::optional<std::uint8_t> lowest_reachable;
};

// {"routers": [...]} in the order given. All known reasons for dropped adverts are listed, also
// those with count 0, so that scripts can rely on them. Durations are in the unit that a key's
// name ends in; null: none, or never.
[[nodiscard]] nlohmann::json vrrp_document(std::span<const RouterView> routers, const Now& now);

// The warning that the address would never move, if it would not: no combination of failing
// checks brings the priority below the one heard from the peer.
[[nodiscard]] std::optional<std::string> unreachable_failover_warning(const RouterView& router);

// The warning that adverts do not leave, why, and what to do about it.
[[nodiscard]] std::optional<std::string> unsent_warning(const RouterView& router);

// All of these, as of an instant.
[[nodiscard]] std::vector<std::string> warnings_of(const RouterView& router, MonotonicTime now);

// The warning that another node is Active, too, and does not give way.
[[nodiscard]] std::optional<std::string> rival_warning(const RouterView& router);

// The warning that another node has this node's own address.
[[nodiscard]] std::optional<std::string> own_address_warning(const RouterView& router,
                                                             MonotonicTime now);

// The warning that the last advert named other addresses.
[[nodiscard]] std::optional<std::string> addresses_warning(const RouterView& router);

// The warning that the Active's interval is longer than this node learns.
[[nodiscard]] std::optional<std::string> interval_warning(const RouterView& router);

// "pseudo-header" or "message", as the configuration writes it.
[[nodiscard]] const char* to_string(wire::ChecksumForm form) noexcept;

}  // namespace tandem::observe
