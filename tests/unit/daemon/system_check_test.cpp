// SPDX-License-Identifier: Apache-2.0
// What a configuration asks for that this machine or build does not have.
#include "daemon/system_check.hpp"

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

std::vector<config::Problem> problems_with(config::Forward forward) {
  auto links = netlink::Links::open();
  EXPECT_TRUE(links) << links.error().message;
  config::Config config;
  config::Service service;
  service.name = "web";
  service.where = {7, 1};
  service.forward = forward;
  config.services.push_back(service);
  return check_system(config, *links);
}

TEST(SystemCheck, TakesAServiceForTheKernel) {
  EXPECT_TRUE(problems_with(config::Forward::local).empty());
}

TEST(SystemCheck, RefusesAServiceThatNothingWouldForward) {
  for (const auto forward : {config::Forward::dsr, config::Forward::nat, config::Forward::fullnat,
                             config::Forward::tunnel}) {
    const auto problems = problems_with(forward);
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_EQ(problems[0].severity, config::Severity::error);
    EXPECT_EQ(problems[0].where.line, 7);
    EXPECT_EQ(problems[0].what,
              "service 'web': this build forwards to no backends, expected forward = \"local\"");
  }
}

}  // namespace
}  // namespace tandem::daemon
