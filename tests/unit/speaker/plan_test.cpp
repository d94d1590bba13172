// SPDX-License-Identifier: Apache-2.0
#include "speaker/plan.hpp"

#include <gtest/gtest.h>

#include "config/load.hpp"

namespace tandem::speaker {
namespace {

constexpr const char* kTwoRouters = R"(
[node]
name = "node-a"
[[interface]]
name = "eth0"
[[check]]
name = "nginx"
tcp = "127.0.0.1:80"
[[vrrp]]
name = "VI_1"
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
track = [{ check = "nginx", weight = -60 }, { interface = "eth0" }]
[[vrrp]]
name = "VI_2"
interface = "eth0"
vrid = 52
addresses = ["192.0.2.101/24"]
mac = "virtual"
)";

config::Config parsed(std::string text) {
  const auto loaded = config::parse(text);
  EXPECT_TRUE(loaded.good());
  return loaded.config;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Numbering, GivesTheLowestFreeNumberAndKeepsIt) {
  Numbering numbers(2);
  EXPECT_EQ(numbers.number_of("a"), 0);
  EXPECT_EQ(numbers.number_of("b"), 1);
  EXPECT_EQ(numbers.number_of("a"), 0);
  EXPECT_FALSE(numbers.number_of("c")) << "only two numbers";
  numbers.release("a");
  EXPECT_EQ(numbers.number_of("c"), 0);
  EXPECT_EQ(numbers.find("a"), std::nullopt);
}

TEST(Plan, CarriesTheConfigurationOver) {
  Numbers numbers;
  const auto plan = make_plan(parsed(kTwoRouters), numbers);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->routers.size(), 2U);
  const auto& first = plan->routers[0];
  EXPECT_EQ(first.settings.vrid, 51);
  EXPECT_EQ(first.settings.addresses.at(0).to_string(), "192.0.2.100");
  EXPECT_FALSE(first.endpoint.virtual_mac);
  EXPECT_TRUE(plan->routers[1].endpoint.virtual_mac);
  ASSERT_EQ(first.settings.tracked.size(), 2U);
  EXPECT_EQ(first.settings.tracked[0].name, "check nginx");
  EXPECT_EQ(first.settings.tracked[0].weight, -60);
  EXPECT_EQ(first.settings.tracked[1].weight, std::nullopt) << "its failing means Fault";
}

TEST(Plan, AnAddressIsAnnouncedOnTheDeviceThatItIsPutOn) {
  Numbers numbers;
  const auto text = replaced(kTwoRouters, "[[check]]", "[[interface]]\nname = \"eth1\"\n[[check]]");
  const auto plan = make_plan(
      parsed(replaced(text, "\"192.0.2.100/24\"",
                      "\"192.0.2.100/24\", { address = \"198.51.100.1/24\", device = \"eth1\" }")),
      numbers);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->routers.at(0).endpoint.address_links,
            (std::vector<std::uint16_t>{*numbers.links.find("eth0"), *numbers.links.find("eth1")}));
}

TEST(Plan, AddressesThatAreNotAdvertisedComeBehindThoseThatAre) {
  Numbers numbers;
  const auto text = replaced(kTwoRouters, "[[check]]", "[[interface]]\nname = \"eth1\"\n[[check]]");
  const auto plan = make_plan(
      parsed(replaced(text, "\"192.0.2.100/24\"",
                      "{ address = \"198.51.100.1/25\", device = \"eth1\", advertised = false }, "
                      "\"192.0.2.100/24\"")),
      numbers);
  ASSERT_TRUE(plan);
  const auto& router = plan->routers.at(0);
  ASSERT_EQ(router.settings.addresses.size(), 1U);
  EXPECT_EQ(router.settings.addresses[0].to_string(), "192.0.2.100");
  ASSERT_EQ(router.settings.unadvertised.size(), 1U);
  EXPECT_EQ(router.settings.unadvertised[0].to_string(), "198.51.100.1");
  EXPECT_EQ(router.endpoint.address_links,
            (std::vector<std::uint16_t>{*numbers.links.find("eth0"), *numbers.links.find("eth1")}));
}

TEST(Plan, ARouterKeepsItsSlotWhenAnotherOneGoes) {
  Numbers numbers;
  const auto before = make_plan(parsed(kTwoRouters), numbers);
  const std::string text = kTwoRouters;
  const auto first = text.find("[[vrrp]]");
  const auto second = text.find("[[vrrp]]", first + 1);
  const auto after = make_plan(parsed(text.substr(0, first) + text.substr(second)), numbers);
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->routers.at(0).id, before->routers.at(1).id);
}

TEST(Plan, AnotherVridIsAnotherRouterAnotherPriorityIsNot) {
  const auto key = [](const std::string& text) { return router_key(parsed(text).vrrp.at(0)); };
  EXPECT_NE(key(kTwoRouters), key(replaced(kTwoRouters, "vrid = 51", "vrid = 53")));
  EXPECT_EQ(key(kTwoRouters), key(replaced(kTwoRouters, "vrid = 51", "vrid = 51\npriority = 7")));
}

TEST(Plan, RoutersWithForwardedServicesTrackWhetherTheyAreServed) {
  const auto forwarding = [](const vrrp::Settings& settings) {
    return std::ranges::find(settings.tracked, kTrackedForwarding, &vrrp::Tracked::name);
  };
  config::Config config;
  config.interfaces.resize(1);
  config.interfaces[0].name = "eth0";
  config::Vrrp router;
  router.interface = "eth0";
  router.priority = 150;
  for (const char* address : {"192.0.2.100", "192.0.2.101", "192.0.2.102"}) {
    router.name = address;
    router.vrid++;
    router.addresses.resize(1);
    router.addresses[0].prefix.address = *IpAddress::parse(address);
    config.vrrp.push_back(router);
  }
  config.vrrp[1].priority = 255;
  config.services.resize(3);
  for (std::size_t i = 0; i < 3; i++) {
    config.services[i].address = config.vrrp[i].addresses[0].prefix.address;
    config.services[i].forward = i == 2 ? config::Forward::local : config::Forward::nat;
  }
  Numbers numbers;
  const auto plan = make_plan(config, numbers);
  ASSERT_TRUE(plan) << plan.error().message;
  const auto& serves = plan->routers[0].settings;
  ASSERT_NE(forwarding(serves), serves.tracked.end());
  EXPECT_EQ(vrrp::effective_priority(serves, {true}), 1);
  EXPECT_FALSE(vrrp::tracked_fault(serves, {true}));
  const auto& owner = plan->routers[1].settings;
  ASSERT_NE(forwarding(owner), owner.tracked.end());
  EXPECT_TRUE(vrrp::tracked_fault(owner, {true})) << "its priority never moves";
  EXPECT_TRUE(plan->routers[2].settings.tracked.empty()) << "Nginx serves";
}

TEST(Reload, SaysWhatNeedsARestart) {
  const auto from = parsed(kTwoRouters);
  EXPECT_EQ(needs_restart(from, from), "");
  EXPECT_EQ(needs_restart(from, parsed(replaced(kTwoRouters, "node-a", "node-b"))), "node.name");
  EXPECT_EQ(needs_restart(from, parsed(replaced(kTwoRouters, "name = \"eth0\"",
                                                "name = \"eth0\"\nxdp_mode = \"generic\""))),
            "xdp_mode of interface 'eth0'");
  auto larger = from;
  larger.flows.size++;
  EXPECT_EQ(needs_restart(from, larger), "flows.size");
  auto larger_ipv6 = from;
  larger_ipv6.flows.size_ipv6++;
  EXPECT_EQ(needs_restart(from, larger_ipv6), "flows.size_ipv6");
}

}  // namespace
}  // namespace tandem::speaker
