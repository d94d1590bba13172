// SPDX-License-Identifier: Apache-2.0
// The operator's drains and weights on two nodes: whatever is set where, in whatever order it comes,
// over however many broken streams, both have the same in the end, and say so.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "sync/wish_exchange.hpp"

namespace tandem::sync {
namespace {

using std::chrono::milliseconds;

BackendKey backend(unsigned n) {
  const bool is_v6 = n % 2 == 1;
  return {static_cast<std::uint8_t>(n % 3 == 0 ? 17 : 6),
          *IpAddress::parse(is_v6 ? "2001:db8::100" : "192.0.2.100"), 443,
          *IpAddress::parse(is_v6 ? "2001:db8:f::1" : "203.0.113.1"),
          static_cast<std::uint16_t>(8'000 + n)};
}

const BackendWish& wish_in(const WishBook& book, unsigned n) {
  static const BackendWish none;
  const BackendWish* wish = book.find(backend(n));
  return wish != nullptr ? *wish : none;
}

// ---- The book

TEST(WishBook, TheLaterOneWinsWhereverItWasSet) {
  WishBook a, b;
  EXPECT_TRUE(a.set_drained(backend(1), true, "a"));
  EXPECT_EQ(b.merge(wish_in(a, 1)), Merged::taken);
  EXPECT_TRUE(wish_in(b, 1).drain.drained);
  EXPECT_EQ(wish_in(b, 1).drain.node, "a");
  EXPECT_TRUE(b.set_drained(backend(1), false, "b"));
  EXPECT_EQ(a.merge(wish_in(b, 1)), Merged::taken);
  EXPECT_FALSE(wish_in(a, 1).drain.drained);
  EXPECT_EQ(a.sum(), b.sum());
}

TEST(WishBook, ADrainAndAWeightOfOneBackendDoNotMeet) {
  WishBook a, b;
  a.set_drained(backend(1), true, "a");
  b.set_weight(backend(1), 7, 100, "b");
  const BackendWish of_a = wish_in(a, 1);
  EXPECT_EQ(a.merge(wish_in(b, 1)), Merged::taken);
  EXPECT_EQ(b.merge(of_a), Merged::taken);
  for (const WishBook* book : {&a, &b}) {
    EXPECT_TRUE(wish_in(*book, 1).drain.drained);
    EXPECT_EQ(wish_in(*book, 1).weight.weight, 7);
  }
  EXPECT_EQ(a.sum(), b.sum());
}

TEST(WishBook, AfterAPartitionDrainedStaysAndTheSmallerWeight) {
  WishBook a, b;
  for (WishBook* book : {&a, &b}) book->set_drained(backend(1), true, "a");
  a.set_drained(backend(1), false, "a");
  a.set_drained(backend(1), true, "a");
  b.set_drained(backend(1), false, "b");
  b.set_drained(backend(1), true, "b");
  b.set_weight(backend(1), 7, 100, "b");
  a.set_weight(backend(1), 50, 100, "a");
  a.set_drained(backend(2), true, "a");
  b.set_drained(backend(2), true, "b");
  b.set_drained(backend(2), false, "b");
  const BackendWish of_a = wish_in(a, 1), of_b = wish_in(b, 1);
  EXPECT_EQ(a.merge(of_b), Merged::conflicts);  // the weight
  EXPECT_EQ(b.merge(of_a), Merged::known);
  EXPECT_EQ(a.merge(wish_in(b, 2)), Merged::taken);
  for (const WishBook* book : {&a, &b}) {
    EXPECT_TRUE(wish_in(*book, 1).drain.drained);
    EXPECT_EQ(wish_in(*book, 1).weight.weight, 7);
    EXPECT_FALSE(wish_in(*book, 2).drain.drained);  // was set more often
  }
  EXPECT_EQ(a.sum(), b.sum());
}

TEST(WishBook, SettingWhatIsSoAlreadyIsNoNews) {
  WishBook a;
  a.set_drained(backend(1), false, "a");
  a.set_weight(backend(1), 100, 100, "a");
  EXPECT_TRUE(a.all().empty());
  a.set_drained(backend(1), true, "a");
  const auto sum = a.sum();
  a.set_drained(backend(1), true, "b");
  EXPECT_EQ(a.sum(), sum);
}

TEST(WishBook, IsBounded) {
  WishBook a;
  for (std::size_t n = 0; n < WishBook::kMost; n++) {
    BackendWish wish{backend(0), {1, true, "b"}, {}};
    wish.backend.service_port = static_cast<std::uint16_t>(1 + n % 1'000);
    wish.backend.port = static_cast<std::uint16_t>(1 + n / 1'000);
    ASSERT_EQ(a.merge(wish), Merged::taken);
  }
  EXPECT_EQ(a.merge({backend(1), {1, true, "b"}, {}}), Merged::no_room);
  EXPECT_FALSE(a.set_drained(backend(1), true, "a"));
  EXPECT_EQ(a.find(backend(1)), nullptr);
}

// ---- The exchange

// A node: what the operator sets goes to its book, and to the exchange a while later, as the control
// thread does it.
struct WishNode {
  std::string name;
  WishBook book{};
  WishExchange exchange{};
  std::vector<std::uint8_t> out{};
  std::deque<std::uint8_t> in{};

  void tell() { exchange.add(book.all()); }
  void take() {
    for (const BackendWish& wish : exchange.take()) book.merge(wish);
  }
  void receive(MonotonicTime now) {
    const std::vector<std::uint8_t> bytes(in.begin(), in.end());
    std::size_t taken = 0;
    while (true) {
      const auto frame = parse(std::span(bytes).subspan(taken));
      ASSERT_TRUE(frame);
      if (!*frame) break;
      taken += (*frame)->bytes;
      if (const auto* wish = std::get_if<BackendWish>(&*(*frame)->message)) exchange.on(*wish);
      if (const auto* sum = std::get_if<WishSum>(&*(*frame)->message)) exchange.on(*sum, now);
    }
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(taken));
  }
};

struct WishPair {
  MonotonicTime now = MonotonicTime(std::chrono::hours(1));
  WishNode a{"a"}, b{"b"};
  bool connected = true;

  void connect() {
    for (WishNode* node : {&a, &b}) {
      node->out.clear();
      node->in.clear();
      node->exchange.begin();
    }
    connected = true;
  }
  void step(std::size_t piece, Duration time) {
    now += time;
    if (!connected) return;
    for (WishNode* node : {&a, &b}) {
      node->exchange.pass(node->out, 1'000, now);
      WishNode& other = node == &a ? b : a;
      const auto n = static_cast<std::ptrdiff_t>(std::min(node->out.size(), piece));
      other.in.insert(other.in.end(), node->out.begin(), node->out.begin() + n);
      node->out.erase(node->out.begin(), node->out.begin() + n);
    }
    for (WishNode* node : {&a, &b}) node->receive(now);
  }
  void settle(int for_seconds) {
    for (int i = 0; i < 10 * for_seconds; i++) {
      step(1 << 20, milliseconds(100));
      for (WishNode* node : {&a, &b}) {
        node->take();
        node->tell();
      }
    }
  }
};

TEST(WishExchange, BringsBothTheSameAndSaysSo) {
  WishPair two;
  two.a.book.set_drained(backend(1), true, "a");
  two.b.book.set_weight(backend(2), 7, 100, "b");
  for (WishNode* node : {&two.a, &two.b}) node->tell();
  two.connect();
  EXPECT_EQ(two.a.exchange.equal(), std::nullopt);
  two.settle(2);
  EXPECT_EQ(two.a.book.sum(), two.b.book.sum());
  EXPECT_TRUE(wish_in(two.b.book, 1).drain.drained);
  EXPECT_EQ(wish_in(two.a.book, 2).weight.weight, 7);
  EXPECT_EQ(two.a.exchange.equal(), true);
  EXPECT_EQ(two.b.exchange.equal(), true);
}

// What one of them has lost (its machine was started anew) comes back.
TEST(WishExchange, BringsBackWhatANodeHasForgotten) {
  WishPair two;
  two.a.book.set_drained(backend(1), true, "a");
  two.a.tell();
  two.connect();
  two.settle(2);
  two.a.book = {};
  two.a.exchange = {};
  two.connect();
  two.settle(2);
  EXPECT_TRUE(wish_in(two.a.book, 1).drain.drained);
}

TEST(WishExchange, WhatANodeSilentlyLacksIsFoundAndSentAgain) {
  WishPair two;
  two.a.book.set_drained(backend(1), true, "a");
  two.a.tell();
  two.connect();
  two.settle(2);
  two.b.exchange = {};  // and no session begins
  two.b.exchange.begin();
  two.b.book = {};
  two.settle(12);
  EXPECT_TRUE(wish_in(two.b.book, 1).drain.drained);
  EXPECT_EQ(two.b.exchange.equal(), true);
}

TEST(WishExchange, OfAPeerThatSendsNoneIsNotSaidToBeEqual) {
  WishExchange exchange;
  exchange.begin();
  std::vector<std::uint8_t> out;
  exchange.pass(out, 1'000, MonotonicTime(std::chrono::hours(1)));
  EXPECT_EQ(exchange.equal(), std::nullopt);
}

TEST(WishExchange, ConvergesWhateverHappens) {
  for (unsigned seed = 1; seed <= 200; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    WishPair two;
    two.connect();
    std::size_t piece = 1 << 20;
    for (int i = 0; i < 300; i++) {
      WishNode& node = random() % 2 == 0 ? two.a : two.b;
      const BackendKey of = backend(static_cast<unsigned>(random() % 12));
      switch (random() % 12) {
        case 0:
          two.connected = false;
          break;
        case 1:
          if (!two.connected) two.connect();
          break;
        case 2:
          piece = std::size_t{1} << random() % 20;
          break;
        case 3:
          node.book.set_drained(of, random() % 2 == 0, node.name);
          break;
        case 4:
          node.book.set_weight(of, static_cast<std::uint16_t>(random() % 4), 1, node.name);
          break;
        case 5:
          node.tell();
          break;
        case 6:
          node.take();
          break;
        default:
          two.step(piece, milliseconds(random() % 500));
      }
    }
    two.connect();
    for (WishNode* node : {&two.a, &two.b}) node->tell();
    two.settle(5);
    ASSERT_EQ(two.a.book.all(), two.b.book.all());
    ASSERT_EQ(two.a.exchange.equal(), true);
    ASSERT_EQ(two.b.exchange.equal(), true);
  }
}

}  // namespace
}  // namespace tandem::sync
