// SPDX-License-Identifier: Apache-2.0
// Flows of either family in one form, for those who look at them.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "flow/flow_table.hpp"

namespace tandem::forward {

struct FlowName {
  IpAddress client;
  std::uint16_t port = 0;  // the client's
  std::uint16_t service = 0;
};

struct KnownFlow {
  FlowName name;
  std::uint16_t backend = 0;
  std::uint8_t state = 0;  // enum td_flow_state
  bool counted = false;
  flow::Tick stamp = 0;     // of its last packet
  std::uint16_t extra = 0;  // nat: the client's next hop; fullnat: the source port
  std::uint8_t source = 0;  // fullnat: which of the service's
};

[[nodiscard]] FlowName name_of(std::uint64_t key);
[[nodiscard]] FlowName name_of(const td_flow6_key& key);
[[nodiscard]] std::uint64_t key4(const FlowName& name);
[[nodiscard]] td_flow6_key key6(const FlowName& name);

template <class Flow>
[[nodiscard]] KnownFlow known(const Flow& flow) {
  return {name_of(flow.key), flow.backend, flow.state, flow.counted,
          flow.stamp,        flow.extra,   flow.source};
}

}  // namespace tandem::forward
