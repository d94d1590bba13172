// SPDX-License-Identifier: Apache-2.0
// The words of the flow table (tandem/flow.h) as ones that others read and write at the same time.
#pragma once

#include <cstdint>

#include "flow/flow_time.hpp"
#include "tandem/abi.h"
#include "tandem/flow.h"

namespace tandem::flow {

inline std::uint64_t load(const __u64& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}
inline td_flow_word load(const td_flow_word& word) {
  td_flow_word copy{};
  copy.whole = load(word.whole);
  return copy;
}
inline void store(__u64& word, std::uint64_t value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}
inline void store(__u32& field, std::uint32_t value) {
  __atomic_store_n(&field, value, __ATOMIC_RELEASE);
}
inline void stamp(td_flow_word& word, Tick tick) {
  __atomic_store_n(&word.part.stamp, tick, __ATOMIC_RELAXED);
}

// false: another was quicker, and `expected` is what is there now.
inline bool swap(td_flow_word& word, td_flow_word& expected, const td_flow_word& value) {
  return __atomic_compare_exchange_n(&word.whole, &expected.whole, value.whole, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
inline bool swap_who(td_flow_word& word, std::uint32_t expected, std::uint32_t value) {
  return __atomic_compare_exchange_n(&word.part.who, &expected, value, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

// The parts of `who`, which is unsigned.
inline constexpr std::uint32_t kState = TD_FLOW_STATE;
inline constexpr std::uint32_t kCounted = TD_FLOW_COUNTED;
inline constexpr std::uint32_t kAway = TD_FLOW_AWAY;
inline constexpr std::uint32_t kSource = TD_FLOW_SOURCE;
inline constexpr std::uint32_t kAnswered = TD_FLOW_ANSWERED;
inline constexpr std::uint32_t kGeneration = 0x3fU << TD_FLOW_GENERATION_SHIFT;

// The daemon's: no packet of the flow may go on yet. No backend has such a slot, so for the packet
// core this is a flow without a backend, which is none: its packets come to the data thread.
inline constexpr std::uint32_t kHeld = 1U << 15;
static_assert(TD_MAX_BACKENDS <= kHeld && kHeld <= TD_FLOW_BACKEND);

constexpr std::uint16_t backend_of(std::uint32_t who) {
  return static_cast<std::uint16_t>(who & TD_FLOW_BACKEND & ~kHeld);
}

constexpr bool is_free(const td_flow_word& word) {
  return (word.part.who & kState) == 0;
}

constexpr td_flow_word word_of(std::uint32_t who, Tick tick, std::uint16_t extra) {
  td_flow_word word{};
  word.part = {who, tick, extra};
  return word;
}

// What is left when a flow goes: the generation, for the next tenant.
constexpr td_flow_word freed(const td_flow_word& word) {
  return word_of(word.part.who & kGeneration, 0, 0);
}
constexpr std::uint32_t next_generation(const td_flow_word& word) {
  return ((word.part.who >> TD_FLOW_GENERATION_SHIFT) + 1) << TD_FLOW_GENERATION_SHIFT;
}

}  // namespace tandem::flow
