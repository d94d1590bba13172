// SPDX-License-Identifier: Apache-2.0
#include "services/kernel_ports.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tandem::services {
namespace {

std::ptrdiff_t count(const UsablePorts& usable) {
  return std::ranges::count(usable.ports, true);
}

TEST(KernelPorts, AreLeftToTheKernel) {
  const auto usable = usable_ports({"32768\t60999", ""});
  EXPECT_EQ(count(usable), 64'512 - 28'232);
  for (const std::size_t port : {1024U, 32767U, 61000U, 65535U}) EXPECT_TRUE(usable.ports[port]);
  for (const std::size_t port : {0U, 80U, 1023U, 32768U, 45000U, 60999U})
    EXPECT_FALSE(usable.ports[port]);
  EXPECT_FALSE(usable.shared);
}

TEST(KernelPorts, AreUsableWhereTheKernelReservesThem) {
  const auto usable = usable_ports({"1024 65535", "8080,10000-14999,65535"});
  EXPECT_EQ(count(usable), 5'002);
  for (const std::size_t port : {8080U, 10000U, 14999U, 65535U}) EXPECT_TRUE(usable.ports[port]);
  for (const std::size_t port : {8079U, 9999U, 15000U, 65534U}) EXPECT_FALSE(usable.ports[port]);
}

TEST(KernelPorts, AreSharedWhereTheKernelLeavesTooFew) {
  const auto usable = usable_ports({"1024 65535", "8080"});
  EXPECT_TRUE(usable.shared);
  EXPECT_EQ(count(usable), 64'512);
}

TEST(KernelPorts, AreAllUsableWhereNothingCanBeRead) {
  EXPECT_EQ(count(usable_ports({})), 64'512);
  EXPECT_EQ(count(usable_ports({"nonsense", "-,x"})), 64'512);
  EXPECT_EQ(count(usable_ports({"99999999999 3", "5-"})), 64'512);
}

}  // namespace
}  // namespace tandem::services
