// SPDX-License-Identifier: Apache-2.0
// A flow's key, of either family in one form, for what is kept or sent for both.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "flow/flow_table.hpp"
#include "tandem/abi.h"

namespace tandem::forward {

struct FlowId {
  std::array<std::uint64_t, 2> client{};  // as td_address6() reads it; IPv4: the address, and 0
  std::uint16_t port = 0;
  std::uint16_t service = 0;  // by this node's number
  std::uint8_t family = TD_IPV4;

  bool operator==(const FlowId&) const = default;
};

[[nodiscard]] constexpr FlowId id_of(std::uint64_t key) {
  return {{key >> 32, 0},
          static_cast<std::uint16_t>(key >> 16),
          static_cast<std::uint16_t>(key),
          TD_IPV4};
}

[[nodiscard]] constexpr FlowId id_of(const td_flow6_key& key) {
  return {{key.address[0], key.address[1]},
          static_cast<std::uint16_t>(key.id >> 16),
          static_cast<std::uint16_t>(key.id),
          TD_IPV6};
}

// The key that the table of the flow's family has.
template <class Table>
[[nodiscard]] typename Table::Key key_of(const FlowId& id) {
  if constexpr (std::is_same_v<Table, flow::FlowTable4>)
    return td_flow4_key(static_cast<std::uint32_t>(id.client[0]), id.port, id.service);
  else
    return {{id.client[0], id.client[1]}, std::uint32_t{id.port} << 16 | id.service};
}

}  // namespace tandem::forward
