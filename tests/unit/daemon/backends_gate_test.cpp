// SPDX-License-Identifier: Apache-2.0
#include "daemon/backends_gate.hpp"

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

class Backends : public testing::Test {
 protected:
  Backends() {
    router_.config.addresses.push_back({*IpPrefix::parse("192.0.2.100/24"), "", "", true});
    services::RunningService service;
    service.config.address = *IpAddress::parse("192.0.2.100");
    service.config.check = config::BackendCheck{};
    service.backends.resize(2);
    for (auto& backend : service.backends) backend.state = balance::State::up;
    all_.push_back(service);
  }

  speaker::PlannedRouter router_;
  services::RunningServices all_;
};

TEST_F(Backends, AreUpWhenNoneIsDown) {
  EXPECT_TRUE(backends_are_up(router_, all_));
  all_[0].backends[1].state = balance::State::down;
  EXPECT_FALSE(backends_are_up(router_, all_));
}

TEST_F(Backends, ThatNobodyWaitsForDoNotCount) {
  auto& backend = all_[0].backends[1];
  backend.state = balance::State::down;
  backend.drained = true;
  EXPECT_TRUE(backends_are_up(router_, all_));
  backend.drained = false;
  backend.retired = true;
  EXPECT_TRUE(backends_are_up(router_, all_));
  backend.retired = false;
  all_[0].config.check.reset();
  EXPECT_TRUE(backends_are_up(router_, all_)) << "nothing will find them up";
}

TEST_F(Backends, OfAnotherAddressDoNotCount) {
  all_[0].backends[0].state = balance::State::down;
  all_[0].config.address = *IpAddress::parse("192.0.2.101");
  EXPECT_TRUE(backends_are_up(router_, all_));
}

}  // namespace
}  // namespace tandem::daemon
