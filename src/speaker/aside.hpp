// SPDX-License-Identifier: Apache-2.0
// Work that takes long, on a thread of its own, while this thread goes on with something else.
#pragma once

#include <chrono>
#include <functional>
#include <future>

namespace tandem::speaker {

// Calls `meanwhile` again and again on this thread until `work` is done; gives what it gave.
template <class Work>
auto aside(const Work& work, const std::function<void()>& meanwhile) {
  auto done = std::async(std::launch::async, work);
  while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) meanwhile();
  return done.get();
}

}  // namespace tandem::speaker
