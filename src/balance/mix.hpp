// SPDX-License-Identifier: Apache-2.0
// A bijection of 64-bit words that spreads every bit of its input over all bits of its result
// (the finalizer of SplitMix64; Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", 2014).
#pragma once

#include <cstdint>

namespace tandem::balance {

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace tandem::balance
