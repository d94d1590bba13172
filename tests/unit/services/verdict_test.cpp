// SPDX-License-Identifier: Apache-2.0
// What state a backend is in, and in which words that is told.
#include <gtest/gtest.h>

#include "services/backend_states.hpp"

namespace tandem::services {
namespace {

using balance::State;

class OfABackend : public testing::Test {
 protected:
  OfABackend() {
    service_.check = config::BackendCheck{};
    backend_.weight = 1;
  }
  void is(State state, const std::string& why) {
    const Verdict verdict = verdict_on(service_, backend_, unreachable_);
    EXPECT_EQ(verdict.state, state);
    EXPECT_EQ(verdict.why, why);
  }
  void checked(bool up, const std::string& why) {
    backend_.check_up = up;
    backend_.check_why = why;
  }

  config::Service service_;
  RunningBackend backend_{};
  std::optional<std::string> unreachable_;
};

TEST_F(OfABackend, ACheckDecides) {
  is(State::up, "not checked yet");
  checked(true, "200 OK");
  is(State::up, "check: 200 OK");
  checked(false, "connection refused");
  is(State::down, "check: connection refused");
}

TEST_F(OfABackend, WithoutACheckItIsUp) {
  service_.check.reset();
  is(State::up, "no check");
}

TEST_F(OfABackend, WhatCannotBeReachedIsDownWhateverItsCheckSays) {
  checked(true, "200 OK");
  unreachable_ = "next hop: no answer";
  is(State::down, "next hop: no answer");
}

TEST_F(OfABackend, ABackendThatIsDownIsNotDraining) {
  backend_.drained = true;
  checked(false, "connection refused");
  is(State::down, "check: connection refused");
}

TEST_F(OfABackend, TheOperatorAndTheConfigurationDrain) {
  backend_.drained = true;
  is(State::draining, "drained by the operator");
  backend_.drained_on = "node-b";
  is(State::draining, "drained by the operator on node-b");
  backend_.retired = true;
  is(State::draining, "no longer configured");
}

TEST_F(OfABackend, AWeightOfZeroTakesNoNewFlows) {
  backend_.weight = 0;
  is(State::up, "weight 0: no new flows");
}

}  // namespace
}  // namespace tandem::services
