// SPDX-License-Identifier: Apache-2.0
#include "services/kernel_ports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tandem::services {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::ptrdiff_t count(const PortSet& ports) {
  return std::ranges::count(ports, true);
}

PortShares shares(const char* range, const char* reserved = "", const char* taken = "") {
  return share_out(range, parse_ports(reserved), parse_ports(taken));
}

TEST(PortLists, AreReadAndWrittenAsTheKernelHasThem) {
  for (const char* list : {"", "1024", "8080,9000-9010", "0-65535", "1-2,4-5,65535"})
    EXPECT_EQ(to_list(parse_ports(list), 16), list);
  EXPECT_EQ(to_list(parse_ports("9000-9010,8080,8081"), 16), "8080-8081,9000-9010");
  for (const char* list : {"nonsense", "-,x", "70000", "5-"})
    EXPECT_LE(count(parse_ports(list)), 1);
}

TEST(PortLists, AreCutShortByTakingMore) {
  const PortSet ports = parse_ports("10,12,14,1000,1003,2000");
  EXPECT_EQ(to_list(ports, 6), "10,12,14,1000,1003,2000");
  EXPECT_EQ(to_list(ports, 3), "10-14,1000-1003,2000");
  EXPECT_EQ(to_list(ports, 1), "10-2000");
}

TEST(PortShares, LeaveTheKernelItsRange) {
  const auto s = shares("32768\t60999");
  EXPECT_EQ(count(s.kernel), 28'232);
  EXPECT_EQ(count(s.usable), 64'512 - 28'232 - 1024);
  EXPECT_EQ(s.checks.size(), 1024U);
  EXPECT_EQ(count(s.reserved), 0);
  for (const std::size_t port : {1024U, 32767U, 61000U}) EXPECT_TRUE(s.usable[port]);
  for (const std::size_t port : {0U, 80U, 1023U, 32768U, 45000U, 60999U})
    EXPECT_FALSE(s.usable[port]);
  for (const auto port : s.checks) EXPECT_FALSE(s.usable[port] || s.kernel[port]) << port;
}

TEST(PortShares, TakeWhatTheOperatorReserves) {
  const auto s = shares("1024 65535", "8080,10000-14999,65535");
  EXPECT_EQ(count(s.usable) + static_cast<std::ptrdiff_t>(s.checks.size()), 5'002);
  EXPECT_EQ(count(s.reserved), 0);
  for (const std::size_t port : {8080U, 10000U}) EXPECT_TRUE(s.usable[port]);
  for (const std::size_t port : {8079U, 9999U, 15000U, 65534U}) EXPECT_FALSE(s.usable[port]);
}

TEST(PortShares, TakeAPartOfARangeThatLeavesNothing) {
  const auto s = shares("1024 65535", "8080");
  EXPECT_EQ(to_list(s.reserved, 9), "49152-65535");
  EXPECT_EQ(count(s.usable) + static_cast<std::ptrdiff_t>(s.checks.size()), 16'385);
}

TEST(PortShares, GiveChecksNoPortThatAFlowHas) {
  const auto s = shares("32768 60999", "", "65000-65535");
  EXPECT_EQ(s.checks.size(), 1024U);
  for (const auto port : s.checks) EXPECT_LT(port, 65000);
}

TEST(PortShares, AreAllWhereNothingCanBeRead) {
  for (const char* range : {"", "nonsense", "99999999999 3"})
    EXPECT_EQ(count(shares(range).usable), 64'512 - 1024) << range;
}

// Settings in a directory, as the kernel has them.
class KernelPortsTest : public testing::Test {
 protected:
  KernelPortsTest() {
    std::string name = testing::TempDir() + "kernel-ports-XXXXXX";
    directory_ = std::string(mkdtemp(name.data())) + "/";
    set("ip_local_port_range", "32768\t60999");
    set("ip_local_reserved_ports", "8080");
  }
  ~KernelPortsTest() override { std::filesystem::remove_all(directory_); }

  void set(const std::string& name, const std::string& line) {
    std::ofstream(directory_ + name) << line << "\n";
  }
  std::string reserved() {
    std::string line;
    std::getline(std::ifstream(directory_ + "ip_local_reserved_ports"), line);
    return line;
  }
  std::string directory_;
};

TEST_F(KernelPortsTest, AreSharedOutAgainWhenSomebodyChangesThem) {
  KernelPorts ports(directory_);
  EXPECT_TRUE(ports.changed());
  EXPECT_TRUE(ports.share_out(parse_ports("")).usable[20000]);
  EXPECT_FALSE(ports.changed());
  set("ip_local_port_range", "20000\t40000");
  EXPECT_TRUE(ports.changed());
  EXPECT_FALSE(ports.share_out(parse_ports("")).usable[20000]);
  EXPECT_EQ(reserved(), "8080");
  EXPECT_THAT(ports.troubles(), IsEmpty());
}

TEST_F(KernelPortsTest, ThatFlowsHaveAreReservedUntilTheyEnd) {
  KernelPorts ports(directory_);
  (void)ports.share_out(parse_ports("61000-61199"));
  EXPECT_EQ(reserved(), "8080");
  set("ip_local_port_range", "60000\t62999");
  const PortShares& shares = ports.share_out(parse_ports("61000-61199"));
  EXPECT_FALSE(shares.usable[61000]);
  EXPECT_EQ(reserved(), "8080,61000-61199");
  EXPECT_FALSE(ports.changed()) << "this was not somebody else";
  EXPECT_THAT(ports.troubles(), ElementsAre(HasSubstr("clients have (200)")));
  ports.keep(parse_ports("61000-61009,61190"));
  EXPECT_EQ(reserved(), "8080,61000-61009,61190");
  ports.keep(parse_ports(""));
  EXPECT_EQ(reserved(), "8080");
  EXPECT_THAT(ports.troubles(), IsEmpty());
}

TEST_F(KernelPortsTest, ThatAreScarceForTheKernelAreTold) {
  KernelPorts ports(directory_);
  set("ip_local_port_range", "61000\t61199");
  (void)ports.share_out(parse_ports("61000-61189"));
  EXPECT_THAT(ports.troubles(), ElementsAre(HasSubstr("have (190)"), HasSubstr("have 10 ports")));
}

TEST_F(KernelPortsTest, AreTheOperatorsAgainAfterwards) {
  {
    KernelPorts ports(directory_);
    set("ip_local_port_range", "1024\t65535");
    (void)ports.share_out(parse_ports(""));
    EXPECT_EQ(reserved(), "8080,49152-65535");
    EXPECT_THAT(ports.troubles(), IsEmpty());
    set("ip_local_reserved_ports", "8080,9000,49152-65535");  // one more, by who read them before
    EXPECT_TRUE(ports.changed());
    (void)ports.share_out(parse_ports(""));
    set("ip_local_reserved_ports", "8080,9001");  // by who did not
    EXPECT_TRUE(ports.changed());
    (void)ports.share_out(parse_ports(""));
    EXPECT_EQ(reserved(), "8080,9001,49152-65535");
  }
  EXPECT_EQ(reserved(), "8080,9001");
}

TEST_F(KernelPortsTest, ThatCannotBeReservedAreTold) {
  std::filesystem::remove(directory_ + "ip_local_reserved_ports");
  std::filesystem::create_directory(directory_ + "ip_local_reserved_ports");
  KernelPorts ports(directory_);
  set("ip_local_port_range", "1024\t65535");
  EXPECT_GT(count(ports.share_out(parse_ports("")).usable), 10'000);
  EXPECT_THAT(ports.troubles(), ElementsAre(HasSubstr("cannot be written")));
}

}  // namespace
}  // namespace tandem::services
