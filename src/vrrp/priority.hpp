// SPDX-License-Identifier: Apache-2.0
// The effective priority of a virtual router: the configured one, moved by tracked things as
// keepalived's users know it.
//   negative weight   added while the tracked thing fails
//   positive weight   added while it is up
//   no weight         failing means Fault, whatever the priority
// The sum is kept within 1-254: 0 and 255 have meanings of their own (RFC 9568, 5.2.4). The
// address owner (255) is never moved, but can be in Fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vrrp/settings.hpp"

namespace tandem::vrrp {

using wire::kOwnerPriority;
inline constexpr std::uint8_t kResignPriority = 0;

// Which of Settings::tracked fail at the moment, in the same order. What nobody reported on yet
// counts as up.
using Failing = std::vector<bool>;

[[nodiscard]] std::uint8_t effective_priority(const Settings& settings, const Failing& failing);

// Whether something without a weight fails.
[[nodiscard]] bool tracked_fault(const Settings& settings, const Failing& failing);

// How the effective priority came about: "150 configured, -60 check nginx failing = 90".
[[nodiscard]] std::string explain_priority(const Settings& settings, const Failing& failing);

// The lowest effective priority that any combination of failing things that the configuration names
// can bring about; nullopt: some of them mean Fault, so that the addresses can always leave. If it is not below the peer's
// priority, no failing check ever moves the addresses: a trap worth a warning.
[[nodiscard]] std::optional<std::uint8_t> lowest_priority(const Settings& settings);

}  // namespace tandem::vrrp
