// SPDX-License-Identifier: Apache-2.0
// A distribution of durations in fixed space, for threads that may not allocate. Log-linear: each
// power of two is cut into 16 equal buckets, so that a percentile is at most 1/16 too high,
// whatever its size. A plain value: one thread records, others get a copy.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace tandem {

class Histogram {
 public:
  // Negative durations count as 0; those of 2^41 ns (36 minutes) and more share the last bucket.
  void record(Duration duration) noexcept {
    const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
    ++buckets_[bucket_of(ns)];
    ++count_;
    sum_ns_ += ns;
    max_ns_ = std::max(max_ns_, ns);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] Duration sum() const noexcept { return to_duration(sum_ns_); }
  // How many did not exceed `bound`. Those of its own bucket are not counted, so that it may be up
  // to 1/16 too strict.
  [[nodiscard]] std::uint64_t count_within(Duration bound) const noexcept {
    std::uint64_t within = 0;
    for (std::size_t i = 0; i < kBuckets - 1 && to_duration(last_of(i)) <= bound; ++i)
      within += buckets_[i];
    return within;
  }
  // The largest recorded, exactly; 0 if nothing was recorded.
  [[nodiscard]] Duration max() const noexcept { return to_duration(max_ns_); }

  // The duration that `percent` (0-100) of those recorded do not exceed, rounded up to the end of
  // its bucket; 0 if nothing was recorded.
  [[nodiscard]] Duration percentile(double percent) const noexcept {
    if (count_ == 0) return {};
    const double share = std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(count_);
    const auto wanted = std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(share)), 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets - 1; ++i) {
      seen += buckets_[i];
      if (seen >= wanted) return to_duration(std::min(last_of(i), max_ns_));
    }
    return max();
  }

 private:
  static constexpr unsigned kSubBits = 4;  // 16 buckets a power of two
  static constexpr std::uint64_t kSubBuckets = 1U << kSubBits;
  static constexpr unsigned kMaxBits = 41;
  static constexpr std::size_t kBuckets = (kMaxBits - kSubBits + 1) * kSubBuckets;

  // Below 16 ns each value has its bucket; above, the leading one gives the row and the four bits
  // behind it the place in the row.
  static constexpr std::size_t bucket_of(std::uint64_t ns) noexcept {
    if (ns < kSubBuckets) return static_cast<std::size_t>(ns);
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - kSubBits;
    const std::uint64_t bucket = shift * kSubBuckets + (ns >> shift);
    return static_cast<std::size_t>(std::min<std::uint64_t>(bucket, kBuckets - 1));
  }
  static constexpr std::uint64_t last_of(std::size_t bucket) noexcept {
    if (bucket < kSubBuckets) return bucket;
    const std::uint64_t shift = bucket / kSubBuckets - 1;
    return ((kSubBuckets + bucket % kSubBuckets + 1) << shift) - 1;
  }
  static constexpr Duration to_duration(std::uint64_t ns) noexcept {
    return Duration(static_cast<Duration::rep>(ns));
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace tandem
