// SPDX-License-Identifier: Apache-2.0
// What the VRRP thread is told when a plan takes the place of another.
#include "speaker/router_changes.hpp"

#include <gtest/gtest.h>

#include "config/load.hpp"
#include "direct_vrrp.hpp"

namespace tandem::speaker {
namespace {

std::string router(int number, const std::string& more = "") {
  const std::string n = std::to_string(number);
  return "[[vrrp]]\nname = \"VI_" + n + "\"\ninterface = \"eth0\"\nvrid = " + n +
         "\naddresses = [\"192.0.2." + n + "/24\"]\n" + more;
}

// Two states of what the VRRP thread was told of a router, compared.
class Changing : public testing::Test {
 protected:
  Plan plan(const std::string& routers) {
    const auto loaded =
        config::parse("[node]\nname = \"a\"\n[[interface]]\nname = \"eth0\"\n" + routers);
    for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.what;
    return make_plan(loaded.config, numbers_).value();
  }
  void change(const Plan& from, const Plan& to) {
    vrrp_.events.clear();
    remove_routers(vrrp_, from, to);
    add_routers(vrrp_, from, to);
  }
  // Routers of which the kernel's addresses were said again.
  std::vector<vrrp::RouterId> restated() {
    std::vector<vrrp::RouterId> ids;
    for (const auto& event : vrrp_.events) {
      if (const auto* e = std::get_if<vrrp::InstallAddresses>(&event.what))
        ids.push_back(e->router);
      if (const auto* e = std::get_if<vrrp::RemoveAddresses>(&event.what)) ids.push_back(e->router);
    }
    return ids;
  }
  [[nodiscard]] bool runs(vrrp::RouterId id) const {
    return vrrp_.driver.routers().status(id).state != vrrp::State::initialize;
  }

  Numbers numbers_;
  DirectVrrp vrrp_;
};

TEST_F(Changing, NewRoutersStartAndThoseThatAreGoneEnd) {
  const Plan one = plan(router(1));
  const Plan two = plan(router(2));
  change({}, one);
  EXPECT_TRUE(runs(one.routers[0].id));
  change(one, two);
  EXPECT_FALSE(runs(one.routers[0].id));
  EXPECT_TRUE(runs(two.routers[0].id));
}

TEST_F(Changing, OneThatDiffersChangesInPlace) {
  const Plan before = plan(router(1) + router(2));
  const Plan after = plan(router(1, "priority = 50\n") + router(2));
  change({}, before);
  const auto since = vrrp_.driver.routers().status(before.routers[1].id).since;
  vrrp_.now += std::chrono::seconds(1);
  change(before, after);
  EXPECT_EQ(vrrp_.priority(after.routers[0].id), 50);
  EXPECT_EQ(vrrp_.driver.routers().status(before.routers[1].id).since, since) << "not touched";
  EXPECT_TRUE(restated().empty()) << "the same addresses";
}

TEST_F(Changing, OtherAddressesAreSaidAgainOfAllRouters) {
  const Plan before = plan(router(1) + router(2));
  Plan after = before;
  after.routers[0].config.addresses[0].prefix.length = 32;
  change({}, before);
  change(before, after);
  EXPECT_EQ(restated().size(), 2U);
}

}  // namespace
}  // namespace tandem::speaker
