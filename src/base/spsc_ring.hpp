// SPDX-License-Identifier: Apache-2.0
// A bounded queue from one thread to one other: no lock, no allocation after it was made.
//
// push() is for the one producer, front() and pop() are for the one consumer. Each side keeps its
// own copy of the other side's position, so that it touches the shared cache line only when its
// copy says that the ring is full, or empty.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <vector>

namespace tandem {

template <class Item>
class SpscRing {
 public:
  // room: items that fit, rounded up to a power of two.
  explicit SpscRing(std::size_t room) : items_(std::bit_ceil(room)) {}

  // Producer. false: the ring is full, and the item is not in it.
  bool push(const Item& item) {
    const std::size_t at = written_.load(std::memory_order_relaxed);
    if (at - known_read_ == items_.size()) {
      known_read_ = read_.load(std::memory_order_acquire);
      if (at - known_read_ == items_.size()) return false;
    }
    items_[at & (items_.size() - 1)] = item;
    written_.store(at + 1, std::memory_order_release);
    return true;
  }

  // Consumer. The oldest item; nullptr if there is none. It stays valid until pop().
  [[nodiscard]] const Item* front() {
    const std::size_t at = read_.load(std::memory_order_relaxed);
    if (at == known_written_) {
      known_written_ = written_.load(std::memory_order_acquire);
      if (at == known_written_) return nullptr;
    }
    return &items_[at & (items_.size() - 1)];
  }
  void pop() { read_.store(read_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  // Any thread: whether nothing was in it at that moment.
  [[nodiscard]] bool empty() const {
    return read_.load(std::memory_order_acquire) == written_.load(std::memory_order_acquire);
  }

 private:
  std::vector<Item> items_;
  alignas(64) std::atomic<std::size_t> written_ = 0;
  std::size_t known_read_ = 0;  // the producer's
  alignas(64) std::atomic<std::size_t> read_ = 0;
  std::size_t known_written_ = 0;  // the consumer's
};

}  // namespace tandem
