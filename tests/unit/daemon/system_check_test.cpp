// SPDX-License-Identifier: Apache-2.0
// What a configuration asks for that this machine or build does not have.
#include "daemon/system_check.hpp"

#include <gtest/gtest.h>

#include "namespaces.hpp"

namespace tandem::daemon {
namespace {

std::vector<config::Problem> problems_with(const std::string& command) {
  auto links = netlink::Links::open();
  EXPECT_TRUE(links) << links.error().message;
  config::Config config;
  config::Service service;
  service.name = "web";
  service.where = {7, 1};
  service.forward = config::Forward::nat;
  service.check = config::BackendCheck{};
  service.check->command = {command};
  config.services.push_back(service);
  return check_system(config, *links);
}

TEST(SystemCheck, TakesAServiceWhoseCheckCanRun) {
  EXPECT_TRUE(problems_with("/bin/true").empty());
}

TEST(SystemCheck, NamesAServiceWhoseCheckCannotRun) {
  const auto problems = problems_with("/nonexistent/check");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].severity, config::Severity::error);
  EXPECT_EQ(problems[0].where.line, 7);
  EXPECT_NE(problems[0].what.find("service 'web'"), std::string::npos) << problems[0].what;
}

TEST(SystemCheck, WaitsForAnInterfaceThatIsNotThereYet) {
  auto links = netlink::Links::open();
  ASSERT_TRUE(links) << links.error().message;
  config::Config config;
  config::Interface interface;
  interface.name = "nonexistent0";
  config.interfaces.push_back(interface);
  const auto problems = check_system(config, *links);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].severity, config::Severity::warning);
  EXPECT_NE(problems[0].what.find("nonexistent0"), std::string::npos) << problems[0].what;
}

TEST(SystemCheck, TellsOfAnMtuThatWorkersHaveNoBuffersFor) {
  auto links = netlink::Links::open();
  ASSERT_TRUE(links) << links.error().message;
  config::Config config;
  config::Interface interface;
  interface.name = "lo";  // 65536
  config.interfaces.push_back(interface);
  EXPECT_TRUE(check_system(config, *links).empty()) << "xdp takes them";
  config.node.engine = "dpdk";
  const auto problems = check_system(config, *links);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].severity, config::Severity::warning);
  EXPECT_NE(problems[0].what.find("MTU 65536, expected 3434 at most"), std::string::npos)
      << problems[0].what;
}

class OwnAddress : public netlink::NamespaceTest {
 protected:
  static std::vector<config::Problem> problems_with(std::uint8_t priority) {
    auto links = netlink::Links::open();
    EXPECT_TRUE(links) << links.error().message;
    config::Config config;
    config::Interface interface;
    interface.name = "veth0";
    config.interfaces.push_back(interface);
    config::Vrrp router;
    router.interface = "veth0";
    router.priority = priority;
    router.where = {9, 1};
    router.addresses.push_back({netlink::prefix("192.0.2.2/24"), "", "", true});
    config.vrrp.push_back(router);
    return check_system(config, *links);
  }
};

TEST_F(OwnAddress, IsNotAVirtualOneUnlessItIsTheOwners) {
  EXPECT_TRUE(problems_with(100).empty());
  netlink::run("ip address add 192.0.2.2/24 dev veth0");
  const auto problems = problems_with(100);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].severity, config::Severity::error);
  EXPECT_EQ(problems[0].where.line, 9);
  EXPECT_NE(problems[0].what.find("192.0.2.2 is the only own address of veth0"), std::string::npos);
  EXPECT_TRUE(problems_with(255).empty());
  netlink::run("ip address add 192.0.2.3/24 dev veth0");
  EXPECT_TRUE(problems_with(100).empty()) << "a leftover of a killed daemon";
}

}  // namespace
}  // namespace tandem::daemon
