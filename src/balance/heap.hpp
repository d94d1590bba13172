// SPDX-License-Identifier: Apache-2.0
// A binary heap of pointers to items that know where in the heap they are, so that an item whose
// key has changed, or that has to go, is found at once. The std heaps cannot do that.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace tandem::balance {

// An item's place in the one heap that the member belongs to.
using HeapPlace = std::uint32_t;
inline constexpr HeapPlace kNotInHeap = std::numeric_limits<HeapPlace>::max();

// Before()(a, b): a comes out before b. O(log n), but for top() in O(1) and rebuild() in O(n).
// Nothing allocates but reserve() and a push() beyond it.
template <class T, HeapPlace T::*Place, class Before>
class Heap {
 public:
  void reserve(std::size_t items) { items_.reserve(items); }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] T& top() const noexcept { return *items_.front(); }
  [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
  [[nodiscard]] auto end() const noexcept { return items_.end(); }

  void push(T& item) {
    assert(item.*Place == kNotInHeap);
    items_.push_back(&item);
    rise(items_.size() - 1, item);
  }

  void erase(T& item) noexcept {
    const std::size_t hole = item.*Place;
    assert(hole < items_.size() && items_[hole] == &item);
    item.*Place = kNotInHeap;
    T& last = *items_.back();
    items_.pop_back();
    if (&last != &item) settle(hole, last);
  }

  // After the key of an item in the heap has changed; after those of many have.
  void update(T& item) noexcept { settle(item.*Place, item); }
  void rebuild() noexcept {
    for (std::size_t at = items_.size() / 2; at-- > 0;) sink(at, *items_[at]);
  }

 private:
  void put(std::size_t at, T& item) noexcept {
    items_[at] = &item;
    item.*Place = static_cast<HeapPlace>(at);
  }

  void rise(std::size_t at, T& item) noexcept {
    while (at > 0) {
      const std::size_t parent = (at - 1) / 2;
      if (!Before()(item, *items_[parent])) break;
      put(at, *items_[parent]);
      at = parent;
    }
    put(at, item);
  }

  void sink(std::size_t at, T& item) noexcept {
    for (std::size_t child; (child = 2 * at + 1) < items_.size(); at = child) {
      if (child + 1 < items_.size() && Before()(*items_[child + 1], *items_[child])) child++;
      if (!Before()(*items_[child], item)) break;
      put(at, *items_[child]);
    }
    put(at, item);
  }

  void settle(std::size_t at, T& item) noexcept {
    if (at > 0 && Before()(item, *items_[(at - 1) / 2]))
      rise(at, item);
    else
      sink(at, item);
  }

  std::vector<T*> items_;
};

}  // namespace tandem::balance
