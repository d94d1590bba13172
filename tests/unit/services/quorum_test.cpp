// SPDX-License-Identifier: Apache-2.0
// When backups serve, and what each backend's weight is then.
#include <gtest/gtest.h>

#include "services/running_service.hpp"

namespace tandem::services {
namespace {

using balance::State;

class WithABackup : public testing::Test {
 protected:
  WithABackup() {
    for (std::uint8_t i = 0; i < 4; i++) {
      RunningBackend backend{};
      backend.config.address = IpAddress::v4(std::array<std::uint8_t, 4>{198, 51, 100, i});
      backend.config.backup = i == 3;
      backend.slot = i + 1U;
      backend.weight = i == 3 ? 7 : 10;
      backend.state = State::up;
      service_.backends.push_back(backend);
    }
    service_.number = 1;
    look();
  }
  void look() { service_.backups_serve = backups_are_due(service_); }
  void set(std::size_t i, State state) {
    service_.backends[i].state = state;
    look();
  }
  [[nodiscard]] std::vector<int> weights() const {
    std::vector<int> weights;
    for (const auto& backend : service_.backends)
      weights.push_back(settings_of({}, service_, backend).balance.weight);
    return weights;
  }

  RunningService service_;
};

TEST_F(WithABackup, ItWaitsWhileAnotherIsUp) {
  EXPECT_EQ(weights(), (std::vector{10, 10, 10, 0}));
  set(0, State::down);
  set(1, State::draining);
  EXPECT_EQ(weights(), (std::vector{10, 10, 10, 0}));
  EXPECT_TRUE(has_quorum(service_));
}

TEST_F(WithABackup, ItServesAloneWithoutAQuorum) {
  service_.config.quorum = 20;
  set(0, State::down);
  EXPECT_TRUE(has_quorum(service_));
  set(1, State::down);
  EXPECT_FALSE(has_quorum(service_));
  EXPECT_EQ(weights(), (std::vector{0, 0, 0, 7})) << "flows stay with the third, new ones do not";
  const auto table = hash_picks(service_);
  for (const auto slot : table.slots()) ASSERT_EQ(slot, 4);
  set(1, State::up);
  EXPECT_EQ(weights(), (std::vector{10, 10, 10, 0}));
}

TEST_F(WithABackup, ThatIsDownTooTheRestGoesOn) {
  service_.config.quorum = 25;
  set(0, State::down);
  set(3, State::down);
  EXPECT_FALSE(has_quorum(service_));
  EXPECT_EQ(weights(), (std::vector{10, 10, 10, 0}));
  service_.backends[3].state = State::up;
  service_.backends[3].retired = true;
  look();
  EXPECT_FALSE(service_.backups_serve) << "it is no longer configured";
}

TEST_F(WithABackup, WeightsThatTheOperatorSetCount) {
  service_.config.quorum = 15;
  for (auto& backend : service_.backends) backend.weight = 4;
  look();
  EXPECT_EQ(weight_up(service_), 12U);
  EXPECT_TRUE(service_.backups_serve);
}

}  // namespace
}  // namespace tandem::services
