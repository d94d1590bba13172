// SPDX-License-Identifier: Apache-2.0
// Which counters of losses grow: a loss is a warning while it goes on, and for kLately after it, not
// for as long as the process lives.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/time.hpp"

namespace tandem::daemon {

class Growing {
 public:
  static constexpr Duration kLately = std::chrono::minutes(1);

  // Whether the counter was seen to grow within kLately. What came since the look before came now.
  bool look(const std::string& name, std::uint64_t count, MonotonicTime now) {
    Seen& seen = seen_[name];
    if (count > seen.count) seen.grew = now;
    seen.count = count;
    return count > 0 && now - seen.grew < kLately;
  }

 private:
  struct Seen {
    std::uint64_t count = 0;
    MonotonicTime grew{};
  };
  std::map<std::string, Seen> seen_;
};

}  // namespace tandem::daemon
