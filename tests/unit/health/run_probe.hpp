// SPDX-License-Identifier: Apache-2.0
// Runs one probe to its result, and no longer than a limit that no passing test comes near.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "health/probe.hpp"

namespace tandem::health::testing {

inline constexpr auto kLimit = std::chrono::seconds(30);

// Runs the loop until the condition holds.
template <class Condition>
bool run_until(boost::asio::io_context& loop, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  loop.restart();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    if (loop.run_one_for(std::chrono::milliseconds(10)) > 0) continue;
    if (loop.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    loop.restart();
  }
  return true;
}

inline ProbeResult run_probe(boost::asio::io_context& loop, Probe& probe) {
  std::optional<ProbeResult> got;
  int calls = 0;
  probe.start([&](ProbeResult result) {
    got = std::move(result);
    ++calls;
  });
  EXPECT_EQ(calls, 0) << "called from within start()";
  EXPECT_TRUE(run_until(loop, [&] { return got.has_value(); })) << "no result";
  EXPECT_EQ(calls, 1);
  return got.value_or(ProbeResult{});
}

}  // namespace tandem::health::testing
