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
#include "observe/sockets_view.hpp"
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
  SocketsView sockets{};
};

// {"routers": [...]} in the order given. All known reasons for dropped adverts are listed, also
// those with count 0, so that scripts can rely on them. Durations are in the unit that a key's
// name ends in; null: none, or never.
[[nodiscard]] nlohmann::json vrrp_document(std::span<const RouterView> routers, const Now& now);

// "pseudo-header" or "message", as the configuration writes it.
[[nodiscard]] const char* to_string(wire::ChecksumForm form) noexcept;

}  // namespace tandem::observe
