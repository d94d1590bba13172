// SPDX-License-Identifier: Apache-2.0
#include "engine/device_claim.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>

#include "namespaces.hpp"

namespace tandem::engine {
namespace {

class DeviceClaimTest : public netlink::NamespaceTest {
 protected:
  // What another process makes of it.
  static bool in_another_process(const std::function<bool()>& what) {
    const pid_t child = fork();
    if (child == 0) _exit(what() ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
};

TEST_F(DeviceClaimTest, IsOfOneProcessAtATime) {
  std::optional<DeviceClaim> claim;
  auto taken = DeviceClaim::take(2, "veth0");
  ASSERT_TRUE(taken) << taken.error().message;
  claim.emplace(std::move(*taken));
  EXPECT_TRUE(in_another_process([] {
    const auto second = DeviceClaim::take(2, "veth0");
    return !second &&
           second.error().message.find("another tandemd has it (process ") != std::string::npos;
  }));
  EXPECT_TRUE(in_another_process([] { return DeviceClaim::take(3, "veth1").has_value(); }));
  claim.reset();
  EXPECT_TRUE(in_another_process([] { return DeviceClaim::take(2, "veth0").has_value(); }));
}

// Another network namespace has another device of that number.
TEST_F(DeviceClaimTest, IsOfANetworkNamespace) {
  const auto taken = DeviceClaim::take(2, "veth0");
  ASSERT_TRUE(taken);
  const netlink::Inside peer(peer_);
  EXPECT_TRUE(in_another_process([] { return DeviceClaim::take(2, "veth1").has_value(); }));
}

// A user who listens there keeps nobody from starting.
TEST_F(DeviceClaimTest, OfSomebodyElsesIsNone) {
  std::array<int, 2> ready{}, done{};
  ASSERT_EQ(pipe(ready.data()), 0);
  ASSERT_EQ(pipe(done.data()), 0);
  const pid_t child = fork();
  char byte = 0;
  if (child == 0) {
    if (setuid(65534) != 0) _exit(1);
    const auto claim = DeviceClaim::take(2, "veth0");
    [[maybe_unused]] const auto told = write(ready[1], &byte, 1);
    [[maybe_unused]] const auto end = read(done[0], &byte, 1);
    _exit(claim ? 0 : 1);
  }
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(DeviceClaim::take(2, "veth0"));
  ASSERT_EQ(write(done[1], &byte, 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
}

}  // namespace
}  // namespace tandem::engine
