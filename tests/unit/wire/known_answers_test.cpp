// SPDX-License-Identifier: Apache-2.0
// Messages from public captures of other implementations, both ways.
#include <gtest/gtest.h>

#include "packets.hpp"

namespace tandem::wire {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Known {
  const char* message;
  const char* source;
  Advert advert;
};

Known v2_without_password() {
  Known k{"21331e010001b5c50a0001050000000000000000", "10.0.1.1", {}};
  k.advert = {.version = 2,
              .vrid = 0x33,
              .priority = 30,
              .interval = seconds(1),
              .addresses = {ip("10.0.1.5")},
              .password = std::nullopt,
              .checksum = ChecksumForm::message};
  return k;
}

Known v2_with_password() {
  Known k{"212abf03010af11f0a042a010a042a020a042a036162636465666768", "10.4.42.4", {}};
  k.advert = {.version = 2,
              .vrid = 42,
              .priority = 191,
              .interval = seconds(10),
              .addresses = {ip("10.4.42.1"), ip("10.4.42.2"), ip("10.4.42.3")},
              .password = Password{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'},
              .checksum = ChecksumForm::message};
  return k;
}

Known v3_ipv4(ChecksumForm form) {
  const bool pseudo_header = form == ChecksumForm::pseudo_header;
  Known k{pseudo_header ? "312cbf0203e8b3c60a042c640a042cc8" : "312cbf0203e89eb40a042c640a042cc8",
          "10.0.0.91",
          {}};
  k.advert = {.version = 3,
              .vrid = 44,
              .priority = 191,
              .interval = seconds(10),
              .addresses = {ip("10.4.44.100"), ip("10.4.44.200")},
              .password = std::nullopt,
              .checksum = form};
  return k;
}

Known v3_ipv6() {
  Known k{"312dbf0203e8cfa0fe8000000000000002005efffe00022d200100000000000000000000abcd000a",
          "fe80::d6ca:6dff:fe66:cf60",
          {}};
  k.advert = {.family = Family::ipv6,
              .version = 3,
              .vrid = 45,
              .priority = 191,
              .interval = seconds(10),
              .addresses = {ip("fe80::200:5eff:fe00:22d"), ip("2001::abcd:a")},
              .password = std::nullopt,
              .checksum = ChecksumForm::pseudo_header};
  return k;
}

void expect_both_ways(const Known& known) {
  const IpAddress source = ip(known.source);
  const IpAddress group = vrrp_group(source.family());
  const auto received = parse_exactly(in_ip(from_hex(known.message), source, group));
  ASSERT_TRUE(received) << to_string(received.error());
  EXPECT_EQ(received->advert, known.advert);
  EXPECT_EQ(received->source, source);
  EXPECT_EQ(received->destination, group);
  EXPECT_EQ(to_hex(message_of(known.advert, source, group)), known.message);
}

TEST(KnownAnswers, Version2) {
  expect_both_ways(v2_without_password());
}
TEST(KnownAnswers, Version2WithPassword) {
  expect_both_ways(v2_with_password());
}
TEST(KnownAnswers, Version3Ipv4WithPseudoHeader) {
  expect_both_ways(v3_ipv4(ChecksumForm::pseudo_header));
}
TEST(KnownAnswers, Version3Ipv4MessageOnly) {
  expect_both_ways(v3_ipv4(ChecksumForm::message));
}
TEST(KnownAnswers, Version3Ipv6) {
  expect_both_ways(v3_ipv6());
}

}  // namespace
}  // namespace tandem::wire
