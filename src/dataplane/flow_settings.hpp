// SPDX-License-Identifier: Apache-2.0
// Flow times of the configuration, as the flow tables of this kernel have them.
#pragma once

#include "config/config.hpp"
#include "flow/flow_time.hpp"

namespace tandem::dataplane {

inline constexpr Duration kFirstPacketBurst =  // that an idle virtual address saves up
    std::chrono::milliseconds(100);

[[nodiscard]] flow::FlowTimeouts timeouts_of(const config::Flows& flows);
// The length of a tick is the same for all tables of a kernel.
[[nodiscard]] std::uint32_t tick_shift();
// Error: a time that is longer than ticks can tell.
[[nodiscard]] Result<flow::IdleTicks> idle_ticks(const config::Flows& flows);

}  // namespace tandem::dataplane
