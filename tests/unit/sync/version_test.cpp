// SPDX-License-Identifier: Apache-2.0
// A pair of which one node has an earlier version, as while both are upgraded.
#include <fstream>
#include <iterator>

#include "pair.hpp"

namespace tandem::sync {
namespace {

// What a node of the first version sent, from its greeting on: all flows, changes, a repair, flows
// that ended, checks. Its services are those of service_node.hpp.
std::vector<std::uint8_t> recorded() {
  std::ifstream file(TANDEM_SOURCE "/tests/unit/sync/peer_of_version_1.bin", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Greetings to statuses, which is all that the first version knew.
constexpr std::uint8_t kLastTypeThen = 13, kFirstTypeSince = 20;

TEST(Versions, TheFirstOneIsUnderstood) {
  const auto bytes = recorded();
  ASSERT_GT(bytes.size(), 10'000U);
  Pair pair(1);
  Side& node = pair.b;
  WishExchange wishes;
  node.session.emplace(Hello{.boot = 2, .node = "b"}, *node.sender, *node.receiver, pair.now);
  node.session->exchange(wishes);
  std::span<const std::uint8_t> left = bytes;
  for (int i = 0; i < 1'000 && !left.empty(); i++) {
    const auto taken =
        node.session->receive(left.first(std::min<std::size_t>(left.size(), 5'000)), pair.now);
    ASSERT_TRUE(taken) << taken.error().message;
    left = left.subspan(*taken);
    ASSERT_TRUE(node.session->pass(pair.now));
    node.work(pair.now);
  }
  EXPECT_TRUE(left.empty());
  ASSERT_TRUE(node.session->peer());
  EXPECT_EQ(node.session->peer()->node, "a");
  EXPECT_EQ(node.picture().size(), 155U);
  const Receiver::Counters& counters = node.receiver->counters();
  EXPECT_GT(counters.checks, 13U * forward::FlowSums::kRanges);
  EXPECT_EQ(counters.differed, 0U);
  EXPECT_EQ(counters.no_service + counters.no_backend, 0U);
  EXPECT_EQ(wishes.equal(), std::nullopt);
}

// It skips what it does not know, and comes to the same with the rest.
TEST(Versions, TheFirstOneUnderstandsWhatItKnewThen) {
  Pair pair(2);
  for (int i = 0; i < 500; i++) pair.packet(pair.a);
  pair.connect();
  WishExchange wishes;
  BackendWish wish;
  wish.drain = {1, true, "a"};
  wishes.add({wish});
  pair.a.session->exchange(wishes);
  std::size_t skipped = 0;
  pair.filter = [&](std::vector<std::uint8_t> bytes) {
    std::vector<std::uint8_t> known;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t length = 5 + (std::size_t{bytes[at + 2]} << 8 | bytes[at + 3]);
      EXPECT_EQ(bytes[at] | bytes[at + 1], 0);  // a length of two bytes
      const std::uint8_t type = bytes[at + 4];
      EXPECT_TRUE(type <= kLastTypeThen || type >= kFirstTypeSince) << int{type};
      const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      if (type <= kLastTypeThen)
        known.insert(known.end(), first, first + static_cast<std::ptrdiff_t>(length));
      else
        skipped++;
      at += length;
    }
    return known;
  };
  pair.until_proved();
  EXPECT_TRUE(pair.a.all_proved());
  EXPECT_EQ(pair.a.picture(), pair.b.picture());
  EXPECT_GT(skipped, 1U);
}

}  // namespace
}  // namespace tandem::sync
