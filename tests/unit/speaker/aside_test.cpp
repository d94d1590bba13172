// SPDX-License-Identifier: Apache-2.0
#include "speaker/aside.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

namespace tandem::speaker {
namespace {

// As a transition is carried out while the kernel looks at a program: one waits for the other here.
TEST(Aside, ThisThreadGoesOnWhileTheWorkTakesItsTime) {
  std::promise<void> went_on;
  int calls = 0;
  const auto here = std::this_thread::get_id();
  const auto work = [&, wait = went_on.get_future().share()] {
    EXPECT_NE(std::this_thread::get_id(), here);
    return wait.wait_for(std::chrono::seconds(20)) == std::future_status::ready ? 7 : 0;
  };
  const auto meanwhile = [&] {
    EXPECT_EQ(std::this_thread::get_id(), here);
    if (++calls == 3) went_on.set_value();
  };
  EXPECT_EQ(aside(work, meanwhile), 7);
  EXPECT_GE(calls, 3);
}

}  // namespace
}  // namespace tandem::speaker
