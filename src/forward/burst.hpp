// SPDX-License-Identifier: Apache-2.0
// A burst of frames through the packet core, for callers with many frames at once.
//
//   classify  each frame: what is it, and whom does it concern?
//   prefetch  each frame of a flow: where its entry is going to be looked up; the memory is asked for
//   forward   each frame: flow, backend, rewrite
//
// With many flows an entry is in no cache, and waiting for it takes longer than all else. So the
// whole burst asks for its entries before the first of them is read: the waits overlap. The steps
// are those of the packet core (tandem/steer.h); what comes of a frame is what td_steer_frame()
// makes of it, one frame after the other.
//
// Any thread that may read the tables. No allocation, lock or system call.
#pragma once

#include <cstddef>
#include <span>

#include "tandem/steer.h"

namespace tandem::forward {

inline constexpr std::size_t kBurst = 32;

struct Job {
  td_frame frame;  // given; where it begins and ends may be elsewhere afterwards
  td_reason reason;
  td_outcome outcome;
};

enum class Prefetch : bool { no, yes };  // no: to measure what it is good for

// At most kBurst of them.
void steer(std::span<Job> jobs, const td_env& env, Prefetch prefetch = Prefetch::yes);

}  // namespace tandem::forward
