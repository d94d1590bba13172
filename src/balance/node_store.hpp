// SPDX-License-Identifier: Apache-2.0
// Objects made beforehand, to be taken and given back where nothing may allocate.
#pragma once

#include <cassert>
#include <cstddef>
#include <deque>
#include <vector>

namespace tandem::balance {

template <class T>
class NodeStore {
 public:
  // Makes them at least so many. Those that were taken stay where they are.
  void reserve(std::size_t count) {
    unused_.reserve(count);
    while (made_.size() < count) unused_.push_back(&made_.emplace_back());
  }

  [[nodiscard]] T& take() noexcept {
    assert(!unused_.empty());
    T& object = *unused_.back();
    unused_.pop_back();
    return object;
  }
  void give_back(T& object) noexcept { unused_.push_back(&object); }

 private:
  std::deque<T> made_;
  std::vector<T*> unused_;
};

}  // namespace tandem::balance
