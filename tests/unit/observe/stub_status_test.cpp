// SPDX-License-Identifier: Apache-2.0
#include "observe/stub_status.hpp"

#include <gtest/gtest.h>

namespace tandem::observe {
namespace {

TEST(StubStatus, IsReadAsNginxWritesIt) {
  const auto status = StubStatus::parse(
      "Active connections: 291 \n"
      "server accepts handled requests\n"
      " 16630948 16630947 31070465 \n"
      "Reading: 6 Writing: 179 Waiting: 106 \n");
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, (StubStatus{291, 16630948, 16630947, 31070465, 6, 179, 106}));
}

TEST(StubStatus, IsNothingElse) {
  for (const char* text :
       {"", "ok\n", "Active connections: \n", "Active connections: -1 \n",
        "Active connections: 1\nserver accepts handled requests\n 1 2\n",
        "Active connections: 1\nserver accepts handled requests\n 1 2 3\nReading: 1 Writing: 2",
        "Active connections: 99999999999999999999\nserver accepts handled requests\n 1 2 3\n"
        "Reading: 1 Writing: 2 Waiting: 3",
        "<html>Active connections: 1</html>"})
    EXPECT_FALSE(StubStatus::parse(text)) << text;
}

}  // namespace
}  // namespace tandem::observe
