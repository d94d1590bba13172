// SPDX-License-Identifier: Apache-2.0
// What a configuration asks for that this machine or build does not have.
#include "daemon/system_check.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tandem::daemon
