// SPDX-License-Identifier: Apache-2.0
#include "balance/heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tandem::balance {
namespace {

struct Item {
  int key = 0;
  HeapPlace place = kNotInHeap;
};

struct Smaller {
  bool operator()(const Item& a, const Item& b) const { return a.key < b.key; }
};

using Items = Heap<Item, &Item::place, Smaller>;

std::vector<int> drain(Items& heap) {
  std::vector<int> keys;
  while (!heap.empty()) {
    keys.push_back(heap.top().key);
    heap.erase(heap.top());
  }
  return keys;
}

TEST(Heap, KeepsItsOrderWhateverIsPushedErasedAndChanged) {
  std::mt19937 random(1);
  std::vector<Item> items(100);
  Items heap;
  for (int i = 0; i < 20'000; i++) {
    Item& item = items[random() % items.size()];
    const int key = static_cast<int>(random() % 50);
    if (item.place == kNotInHeap) {
      item.key = key;
      heap.push(item);
    } else if (random() % 2 == 0) {
      heap.erase(item);
    } else {
      item.key = key;
      heap.update(item);
    }
    int least = 50;
    for (const Item& each : items)
      if (each.place != kNotInHeap) least = std::min(least, each.key);
    if (heap.empty()) continue;
    ASSERT_EQ(heap.top().key, least) << "after " << i;
  }
  EXPECT_TRUE(std::ranges::is_sorted(drain(heap)));
}

TEST(Heap, IsInOrderAgainAfterAllKeysChanged) {
  std::vector<Item> items(100);
  Items heap;
  for (Item& item : items) heap.push(item);
  std::mt19937 random(2);
  for (Item& item : items) item.key = static_cast<int>(random() % 1000);
  heap.rebuild();
  EXPECT_TRUE(std::ranges::is_sorted(drain(heap)));
  for (const Item& item : items) EXPECT_EQ(item.place, kNotInHeap);
}

}  // namespace
}  // namespace tandem::balance
