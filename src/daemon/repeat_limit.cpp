// SPDX-License-Identifier: Apache-2.0
#include "daemon/repeat_limit.hpp"

namespace tandem::daemon {

RepeatLimit::Verdict RepeatLimit::judge(const std::string& line, MonotonicTime now) {
  const auto it = seen_.find(line);
  if (it == seen_.end() || now - it->second.since >= kWhile) {
    const std::uint64_t left_out =
        it == seen_.end() || it->second.times <= kTimes ? 0 : it->second.times - kTimes;
    if (it == seen_.end() && seen_.size() >= kMostLines)
      std::erase_if(seen_, [&](const auto& other) { return now - other.second.since >= kWhile; });
    if (it != seen_.end() || seen_.size() < kMostLines) seen_[line] = {now, 1};
    return {true, left_out == 0 ? "" : " (left out " + std::to_string(left_out) + " times before)"};
  }
  it->second.times++;
  if (it->second.times < kTimes) return {};
  if (it->second.times == kTimes) return {true, " (left out for a minute, if it comes again)"};
  return {false, ""};
}

}  // namespace tandem::daemon
