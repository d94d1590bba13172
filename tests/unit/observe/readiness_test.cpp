// SPDX-License-Identifier: Apache-2.0
// Whether a node can be counted on, for those who ask /ready.
#include <gtest/gtest.h>

#include "observe/overview.hpp"

namespace tandem::observe {
namespace {

Overview with(vrrp::State first, vrrp::State second) {
  Overview o;
  for (const auto state : {first, second}) {
    RouterView& router = o.routers.emplace_back();
    router.config.name = "VI_" + std::to_string(o.routers.size());
    router.status.state = state;
  }
  return o;
}

TEST(Readiness, IsToHoldAddressesOrToStandBy) {
  EXPECT_EQ(readiness_text(with(vrrp::State::active, vrrp::State::backup)), "ready\n");
}

TEST(Readiness, NamesWhatIsInTheWay) {
  Overview o = with(vrrp::State::fault, vrrp::State::initialize);
  o.node.unserved.emplace_back("eth1");
  EXPECT_EQ(readiness_text(o).error().message,
            "not ready:\nVI_1 is in Fault\nVI_2 is in Initialize\n"
            "eth1: services with backends are not served");
}

}  // namespace
}  // namespace tandem::observe
