// SPDX-License-Identifier: Apache-2.0
// The states of flows (tandem/flow.h) as users write and read them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tandem/flow.h"

namespace tandem::flow {

struct StateName {
  td_flow_state state;
  const char* name;
};

// Of all states but TD_FLOW_FREE, which no flow is in.
inline constexpr std::array kStateNames{
    StateName{TD_FLOW_SYN_SENT, "syn_sent"},     StateName{TD_FLOW_ESTABLISHED, "established"},
    StateName{TD_FLOW_FIN_CLIENT, "fin_client"}, StateName{TD_FLOW_FIN_SERVER, "fin_server"},
    StateName{TD_FLOW_CLOSED, "closed"},         StateName{TD_FLOW_RESET, "reset"},
    StateName{TD_FLOW_ACTIVE, "active"},         StateName{TD_FLOW_JOINED, "joined"},
};

[[nodiscard]] constexpr const char* state_name(std::uint8_t state) noexcept {
  for (const auto& [known, name] : kStateNames)
    if (known == state) return name;
  return "free";
}

[[nodiscard]] constexpr std::optional<td_flow_state> parse_state(std::string_view text) noexcept {
  for (const auto& [state, name] : kStateNames)
    if (text == name) return state;
  return std::nullopt;
}

}  // namespace tandem::flow
