// SPDX-License-Identifier: Apache-2.0
#include "daemon/backends_gate.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace tandem::daemon {
namespace {

constexpr MonotonicTime kLinkUp{std::chrono::seconds(100)};
constexpr MonotonicTime kBefore{std::chrono::seconds(99)};
constexpr MonotonicTime kAfter{std::chrono::seconds(101)};

class Backends : public testing::Test {
 protected:
  Backends() {
    router_.config.addresses.push_back({*IpPrefix::parse("192.0.2.100/24"), "", "", true});
    services::RunningService service;
    service.config.address = *IpAddress::parse("192.0.2.100");
    service.backends.resize(2);
    for (auto& backend : service.backends) backend.state = balance::State::up;
    all_.push_back(service);
    check_.state = health::State::up;
    check_.begun = kAfter;
  }

  [[nodiscard]] bool up(MonotonicTime since = kLinkUp) const {
    return backends_are_up(
        router_, all_, [this](const services::RunningBackend&) { return std::optional(check_); },
        since);
  }

  speaker::PlannedRouter router_;
  services::RunningServices all_;
  health::Status check_;
};

TEST_F(Backends, AreUpWhenNoneIsDown) {
  EXPECT_TRUE(up());
  all_[0].backends[1].state = balance::State::down;
  EXPECT_FALSE(up());
}

TEST_F(Backends, AreNotUpBeforeTheirCheckHasHadItsSay) {
  check_.state = health::State::unknown;
  EXPECT_FALSE(up());
  check_.state = health::State::up;
  check_.begun = kBefore;
  EXPECT_FALSE(up()) << "it passed before the link was away";
  EXPECT_TRUE(up(MonotonicTime{}));
}

TEST_F(Backends, WithoutACheckNeedNoRun) {
  EXPECT_TRUE(backends_are_up(
      router_, all_, [](const services::RunningBackend&) { return std::nullopt; }, kLinkUp));
}

TEST_F(Backends, ThatNobodyWaitsForDoNotCount) {
  auto& backend = all_[0].backends[1];
  backend.state = balance::State::down;
  backend.drained = true;
  EXPECT_TRUE(up());
  backend.drained = false;
  backend.retired = true;
  EXPECT_TRUE(up());
}

TEST_F(Backends, OfAnotherAddressDoNotCount) {
  all_[0].backends[0].state = balance::State::down;
  all_[0].config.address = *IpAddress::parse("192.0.2.101");
  EXPECT_TRUE(up());
}

}  // namespace
}  // namespace tandem::daemon
