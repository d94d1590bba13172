// SPDX-License-Identifier: Apache-2.0
// What the tests of documents have in common.
#pragma once

#include "base/address.hpp"
#include "observe/clock.hpp"

namespace tandem::observe {

// 2001-09-09T01:46:40Z, 100 s after boot.
inline const Now kNow{from_ns(100'000'000'000), WallTime(std::chrono::seconds(1'000'000'000))};

inline IpAddress ip(const char* text) {
  return IpAddress::parse(text).value();
}

}  // namespace tandem::observe
