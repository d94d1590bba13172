// SPDX-License-Identifier: Apache-2.0
// Which buckets of a flow table have changed since somebody last read them: a byte for each bucket,
// and one for each 64 of those.
//
// This is the queue of flow synchronization. It cannot overflow: a bucket that changes a hundred
// times before it is read is marked once, and is read as it is then.
//
//   set()   writers, after they have changed the bucket: first the bucket's byte, then the group's
//   take()  the one reader: takes a mark away before it reads the bucket. A change that comes in
//           between marks the bucket again
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::flow {

class FlowMarks {
 public:
  // elements: of the flow table, head included.
  explicit FlowMarks(std::uint32_t elements)
      : buckets_(elements), groups_((elements + kGroup - 1) / kGroup) {}

  void set(std::uint32_t element) {
    std::atomic_ref(buckets_[element]).store(1, std::memory_order_release);
    std::atomic_ref(groups_[element / kGroup]).store(1, std::memory_order_release);
  }

  // Calls each(element) for marked ones, until `more()` says no. Goes round: what it did not come
  // to is first the next time. true: no mark was left when it came by.
  template <class Each, class More>
  bool take(Each each, More more) {
    for (std::size_t seen = 0; seen < groups_.size(); seen++) {
      if (std::atomic_ref(groups_[next_]).load(std::memory_order_relaxed) != 0) {
        if (!more()) return false;
        std::atomic_ref(groups_[next_]).exchange(0, std::memory_order_acq_rel);
        take_group(next_, each);
      }
      next_ = next_ + 1 < groups_.size() ? next_ + 1 : 0;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGroup = 64;

  template <class Each>
  void take_group(std::size_t group, Each& each) {
    for (std::size_t i = group * kGroup; i < (group + 1) * kGroup && i < buckets_.size(); i++) {
      auto mark = std::atomic_ref(buckets_[i]);
      if (mark.load(std::memory_order_relaxed) == 0) continue;
      mark.exchange(0, std::memory_order_acq_rel);
      each(static_cast<std::uint32_t>(i));
    }
  }

  std::vector<std::uint8_t> buckets_, groups_;
  std::size_t next_ = 0;  // group
};

}  // namespace tandem::flow
