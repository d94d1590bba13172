// SPDX-License-Identifier: Apache-2.0
// Which lines of the log are said once more. The same line is said a few times in a while; then it is
// left out until the while has passed, and how often it was left out is told when it comes again.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/time.hpp"

namespace tandem::daemon {

class RepeatLimit {
 public:
  static constexpr std::uint64_t kTimes = 20;
  static constexpr Duration kWhile = std::chrono::seconds(60);

  struct Verdict {
    bool says = true;
    std::string more{};  // to be said behind the line
  };
  [[nodiscard]] Verdict judge(const std::string& line, MonotonicTime now);

 private:
  static constexpr std::size_t kMostLines = 256;  // known at a time
  struct Seen {
    MonotonicTime since;
    std::uint64_t times = 0;
  };
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace tandem::daemon
