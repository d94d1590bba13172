// SPDX-License-Identifier: Apache-2.0
// Conditions of nftables' rules, as far as they can be told of a packet.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "ctl/doctor/ruleset.hpp"

namespace tandem::doctor {

enum class Truth : std::uint8_t { no, unknown, yes };
[[nodiscard]] inline Truth both(Truth a, Truth b) noexcept {
  return std::min(a, b);
}

// All of these throw nlohmann::json::exception where something is not as nft writes it.
// sets: the named ones, maps included.
[[nodiscard]] Truth matches(const nlohmann::json& match, const Packet& packet,
                            const std::vector<nlohmann::json>& sets);
// Whether the left side has this value, or one of these.
[[nodiscard]] Truth compares(const nlohmann::json& left, const nlohmann::json& right,
                             const Packet& packet, const std::vector<nlohmann::json>& sets);
// Of {"set": [...]}, or of a named set, "@name".
[[nodiscard]] nlohmann::json elements_of(const nlohmann::json& set,
                                         const std::vector<nlohmann::json>& sets);

}  // namespace tandem::doctor
