// SPDX-License-Identifier: Apache-2.0
#include "services/service_numbers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace tandem::services {
namespace {

config::Service service(const char* address, std::uint16_t port,
                        config::Forward forward = config::Forward::nat) {
  config::Service s;
  s.address = IpAddress::parse(address).value();
  s.protocol = config::Protocol::tcp;
  s.port = port;
  s.forward = forward;
  return s;
}

config::Backend backend(const char* address, std::uint16_t port) {
  config::Backend b;
  b.address = IpAddress::parse(address).value();
  b.port = port;
  return b;
}

TEST(ServiceNumbers, StayWithWhatTheyName) {
  ServiceNumbers numbers;
  const auto web = numbers.of_service(service("192.0.2.100", 80)).value();
  EXPECT_EQ(web, 1);
  EXPECT_EQ(numbers.of_service(service("192.0.2.100", 81)).value(), 2);
  EXPECT_EQ(numbers.of_service(service("192.0.2.100", 80)).value(), web);
  // Forwarded in another way, its flows would not fit.
  EXPECT_EQ(numbers.of_service(service("192.0.2.100", 80, config::Forward::dsr)).value(), 3);
  const auto first = numbers.of_backend(1, backend("198.51.100.21", 8080)).value();
  EXPECT_EQ(numbers.of_backend(1, backend("198.51.100.22", 8080)).value(), 2);
  EXPECT_EQ(numbers.of_backend(2, backend("198.51.100.21", 8080)).value(), 3);
  EXPECT_EQ(numbers.of_backend(1, backend("198.51.100.21", 8080)).value(), first);
}

TEST(ServiceNumbers, AreUsedAgainWhenReleased) {
  ServiceNumbers numbers;
  numbers.of_service(service("192.0.2.100", 80)).value();
  numbers.of_service(service("192.0.2.100", 81)).value();
  numbers.release_service(1);
  EXPECT_EQ(numbers.of_service(service("192.0.2.100", 82)).value(), 1);
  numbers.of_backend(1, backend("198.51.100.21", 80)).value();
  numbers.release_backend(1);
  EXPECT_EQ(numbers.of_backend(1, backend("198.51.100.22", 80)).value(), 1);
}

// Beside those of backends: what is counted in one is nobody else's.
TEST(ServiceNumbers, ServicesOfTheNodesOwnAreCountedInSlotsOfTheirOwn) {
  ServiceNumbers numbers;
  const auto web = service("192.0.2.100", 80, config::Forward::local);
  auto dns = service("2001:db8::100", 53, config::Forward::local);
  const auto first = numbers.of_local(web);
  auto over_udp = dns;
  over_udp.protocol = config::Protocol::udp;
  EXPECT_NE(first, 0);
  EXPECT_EQ(numbers.of_local(web), first);
  EXPECT_NE(numbers.of_local(dns), numbers.of_local(over_udp));
  EXPECT_NE(numbers.of_backend(1, backend("192.0.2.100", 80)).value(), first);
  numbers.release_backend(first);
  EXPECT_EQ(numbers.of_backend(1, backend("198.51.100.22", 80)).value(), first);
  EXPECT_NE(numbers.of_local(web), first);
}

TEST(ServiceNumbers, WhereNoneIsLeftAServiceOfTheNodesOwnIsNotCounted) {
  ServiceNumbers numbers;
  for (std::uint16_t port = 1; port < TD_MAX_BACKENDS; port++)
    ASSERT_TRUE(numbers.of_backend(1, backend("198.51.100.21", port)));
  EXPECT_EQ(numbers.of_local(service("192.0.2.100", 80, config::Forward::local)), 0);
}

TEST(ServiceNumbers, RunOut) {
  ServiceNumbers numbers;
  for (std::uint16_t port = 1; port < TD_MAX_SERVICES; port++)
    ASSERT_TRUE(numbers.of_service(service("192.0.2.100", port)));
  const auto more = numbers.of_service(service("192.0.2.100", TD_MAX_SERVICES));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message,
            "at most 1023 services are possible, those that are going included");
  EXPECT_TRUE(numbers.of_service(service("192.0.2.100", 1)));
}

TEST(ServiceNumbers, OfSourcesKeepToTheRoomThatThereIs) {
  ServiceNumbers numbers;
  const auto a = IpAddress::parse("198.51.100.2").value(),
             b = IpAddress::parse("198.51.100.3").value();
  EXPECT_EQ(numbers.of_source(a, 1).value(), 0);
  EXPECT_FALSE(numbers.of_source(b, 1));
  EXPECT_EQ(numbers.of_source(a, 1).value(), 0);
  EXPECT_EQ(numbers.of_source(b, 2).value(), 1);
}

// What an earlier process left in the maps keeps its numbers; what comes new gets others.
TEST(ServiceNumbers, OutliveAProcess) {
  auto tables = std::make_unique<td_tables>();
  std::vector<td_backend> backends(TD_MAX_BACKENDS);
  td_service& left = tables->service[7];
  std::ranges::copy(IpAddress::parse("192.0.2.100").value().bytes(), left.address);
  left.family = TD_IPV4;
  left.protocol = TD_PROTO_TCP;
  left.port = 80;
  left.mode = TD_MODE_FULLNAT;
  left.sources = 1;
  left.source[0] = 3;
  std::ranges::copy(IpAddress::parse("198.51.100.2").value().bytes(), tables->source[3]);
  std::ranges::copy(IpAddress::parse("2001:db8::21").value().bytes(), backends[9].address);
  backends[9].family = TD_IPV6;
  backends[9].service = 7;
  backends[9].port = 8080;
  td_env env{};
  env.tables = tables.get();
  env.backends = backends.data();

  ServiceNumbers numbers;
  numbers.adopt(env);
  EXPECT_EQ(numbers.of_service(service("192.0.2.100", 80, config::Forward::fullnat)).value(), 7);
  EXPECT_EQ(numbers.of_service(service("192.0.2.100", 80)).value(), 1);
  EXPECT_EQ(numbers.of_backend(7, backend("2001:db8::21", 8080)).value(), 9);
  EXPECT_EQ(numbers.of_source(IpAddress::parse("198.51.100.2").value(), 8).value(), 3);
  EXPECT_EQ(numbers.of_source(IpAddress::parse("198.51.100.3").value(), 8).value(), 0);
}

// An earlier process had other sources, or room for more of them.
TEST(ServiceNumbers, OfSourcesAreForgottenWhereTheyDoNotFit) {
  const auto a = IpAddress::parse("198.51.100.2").value(),
             b = IpAddress::parse("198.51.100.3").value();
  auto tables = std::make_unique<td_tables>();
  std::vector<td_backend> backends(TD_MAX_BACKENDS);
  td_service& left = tables->service[1];
  left.family = TD_IPV4;
  left.mode = TD_MODE_FULLNAT;
  left.sources = 1;
  left.source[0] = 1;
  std::ranges::copy(a.bytes(), tables->source[1]);
  td_env env{};
  env.tables = tables.get();
  env.backends = backends.data();

  ServiceNumbers numbers;
  numbers.adopt(env);
  EXPECT_TRUE(numbers.have_room({a}, 2));
  EXPECT_TRUE(numbers.have_room({b}, 2));
  EXPECT_FALSE(numbers.have_room({a}, 1)) << "its place is behind the last";
  numbers.forget_sources();
  EXPECT_TRUE(numbers.have_room({a}, 1));
  EXPECT_EQ(numbers.of_source(a, 1).value(), 0);
  EXPECT_TRUE(numbers.sources_of(1).empty());

  left.source[0] = 0;
  std::ranges::copy(a.bytes(), tables->source[0]);
  ServiceNumbers others;
  others.adopt(env);
  EXPECT_TRUE(others.have_room({a}, 1));
  EXPECT_FALSE(others.have_room({b}, 1)) << "there is one place, and it is taken";
}

}  // namespace
}  // namespace tandem::services
