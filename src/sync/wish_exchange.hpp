// SPDX-License-Identifier: Apache-2.0
// The operator's wishes (wish_book.hpp) of this node and the peer, brought together.
//
// Each side sends what the other one does not have yet as far as it knows, at the beginning of a
// session all, and each second the sum over its book. Whoever finds another sum than its own for a
// while sends all again. A peer of an older version skips these messages, and sends none.
//
// Pure: no I/O, time is an argument. For one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/time.hpp"
#include "sync/wish_book.hpp"

namespace tandem::sync {

class WishExchange {
 public:
  static constexpr Duration kSumInterval = std::chrono::seconds(1);
  static constexpr Duration kPatience = std::chrono::seconds(3);  // with another sum

  // A new session: the peer has nothing.
  void begin();
  // What this node has; whatever came from the peer is kept, too.
  void add(const std::vector<BackendWish>& wishes);

  void on(const BackendWish& wish);
  void on(const WishSum& sum, MonotonicTime now);
  // Appends to `out`; stops early when that gets longer than `most` bytes.
  void pass(std::vector<std::uint8_t>& out, std::size_t most, MonotonicTime now);

  // What the peer has brought since the last call.
  [[nodiscard]] std::vector<BackendWish> take();
  // Whether both have the same; nullopt: the peer has not said so (yet).
  [[nodiscard]] std::optional<bool> equal() const { return equal_; }

 private:
  void send_all_again();

  WishBook book_;
  std::optional<std::uint64_t> sum_;          // of the book; nullopt: to be made anew
  std::map<BackendKey, BackendWish> theirs_;  // as far as this node knows
  std::set<BackendKey> to_send_, came_;
  MonotonicTime sum_due_{};
  std::optional<MonotonicTime> differs_since_;
  std::optional<bool> equal_;
};

}  // namespace tandem::sync
