// SPDX-License-Identifier: Apache-2.0
// Keys with a deadline each; the earliest first.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.hpp"

namespace tandem::netlink {

template <class Key>
class DeadlineQueue {
 public:
  void set(const Key& key, MonotonicTime deadline) {
    erase(key);
    by_key_.emplace(key, deadline);
    by_time_.emplace(deadline, key);
  }
  // Never later than it is already.
  void set_sooner(const Key& key, MonotonicTime deadline) {
    const auto known = by_key_.find(key);
    if (known == by_key_.end() || deadline < known->second) set(key, deadline);
  }
  void erase(const Key& key) {
    const auto known = by_key_.find(key);
    if (known == by_key_.end()) return;
    by_time_.erase({known->second, key});
    by_key_.erase(known);
  }
  [[nodiscard]] MonotonicTime next() const {
    return by_time_.empty() ? kNever : by_time_.begin()->first;
  }
  // Takes out the earliest key, if it is due.
  [[nodiscard]] std::optional<Key> pop(MonotonicTime now) {
    if (next() > now) return std::nullopt;
    auto key = by_time_.begin()->second;
    erase(key);
    return key;
  }

 private:
  std::map<Key, MonotonicTime> by_key_;
  std::set<std::pair<MonotonicTime, Key>> by_time_;
};

}  // namespace tandem::netlink
