// SPDX-License-Identifier: Apache-2.0
// The reasons of the packet core (tandem/reasons.h) as users read them: "drop/no-lease".
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "tandem/reasons.h"

namespace tandem::flow {

// By number.
inline constexpr std::array<const char*, TD_REASON_COUNT> kReasonNames = [] {
  std::array<const char*, TD_REASON_COUNT> names{};
#define TD_REASON_NAME(number, verdict, name, text) names[number] = TD_REASON_TEXT(verdict, text);
  TD_REASONS(TD_REASON_NAME)
#undef TD_REASON_NAME
  return names;
}();
static_assert(std::ranges::find(kReasonNames, nullptr) == kReasonNames.end());

[[nodiscard]] constexpr const char* reason_name(std::uint32_t reason) noexcept {
  return reason < kReasonNames.size() ? kReasonNames[reason] : "unknown";
}

}  // namespace tandem::flow
