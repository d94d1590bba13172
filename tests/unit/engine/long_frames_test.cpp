// SPDX-License-Identifier: Apache-2.0
#include "engine/long_frames.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::engine {
namespace {

// What a kernel answers to sockets with and without long frames, and what it was asked for.
struct Kernel {
  int with = 0, without = 0;
  std::vector<bool> asked{};
  Bound bind(bool wanted) {
    return bind_long_first(wanted, [this](bool long_frames) {
      asked.push_back(long_frames);
      return long_frames ? with : without;
    });
  }
};

TEST(LongFrames, AreTakenWhereTheKernelHasThem) {
  Kernel kernel;
  const Bound bound = kernel.bind(true);
  EXPECT_EQ(bound.error, 0);
  EXPECT_TRUE(bound.long_frames);
  EXPECT_EQ(kernel.asked, std::vector{true});
}

TEST(LongFrames, AreNotAskedForByWhoNeedsNone) {
  Kernel kernel;
  EXPECT_FALSE(kernel.bind(false).long_frames);
  EXPECT_EQ(kernel.asked, std::vector{false});
}

TEST(LongFrames, AreGivenUpWhereKernelOrDriverDoNotKnowThem) {
  for (const int error : {EINVAL, EOPNOTSUPP}) {
    Kernel kernel{.with = error};
    const Bound bound = kernel.bind(true);
    EXPECT_EQ(bound.error, 0);
    EXPECT_FALSE(bound.long_frames);
    EXPECT_EQ(kernel.asked, (std::vector{true, false}));
  }
}

TEST(LongFrames, AreNotGivenUpForTroubleThatPasses) {
  for (const int error : {EBUSY, ENOBUFS, ENOMEM, EPERM, ENODEV, EAFNOSUPPORT}) {
    Kernel kernel{.with = error};
    EXPECT_EQ(kernel.bind(true).error, error);
    EXPECT_EQ(kernel.asked, std::vector{true}) << error;
  }
}

TEST(LongFrames, TroubleWithoutThemIsTold) {
  Kernel kernel{.with = EINVAL, .without = EBUSY};
  EXPECT_EQ(kernel.bind(true).error, EBUSY);
  EXPECT_FALSE(kernel.bind(true).long_frames);
}

}  // namespace
}  // namespace tandem::engine
