// SPDX-License-Identifier: Apache-2.0
// Messages: what is written is read again, and what is no message is refused.
#include "sync/message.hpp"

#include <gtest/gtest.h>

namespace tandem::sync {
namespace {

std::vector<std::uint8_t> written(const Message& message) {
  std::vector<std::uint8_t> bytes;
  append(bytes, message);
  return bytes;
}

template <class M>
M read_again(const M& message) {
  const auto bytes = written(message);
  auto frame = parse(bytes);
  EXPECT_TRUE(frame && *frame) << (frame ? "" : frame.error().message);
  EXPECT_EQ((*frame)->bytes, bytes.size());
  return std::get<M>(*(*frame)->message);
}

TEST(Message, IsReadAsItWasWritten) {
  const Hello hello = read_again(Hello{1, 3, 0x1122334455667788, 1000, 2000, "node-a"});
  EXPECT_EQ(hello.newest, 3);
  EXPECT_EQ(hello.boot, 0x1122334455667788U);
  EXPECT_EQ(hello.node, "node-a");
  const ServiceName service{7,
                            3,
                            6,
                            443,
                            *IpAddress::parse("192.0.2.100"),
                            {*IpAddress::parse("203.0.113.1"), *IpAddress::parse("203.0.113.2")}};
  EXPECT_EQ(read_again(service), service);
  const BackendName backend{9, 7, 8443, *IpAddress::parse("2001:db8::1")};
  EXPECT_EQ(read_again(backend), backend);
  const HopName hop{3, {{2, 0, 0, 0, 0, 1}}, {10, 20}, {0x8100, 0x8100}};
  EXPECT_EQ(read_again(hop), hop);
  RepairBegin repair{7, {}};
  repair.ranges.set(0).set(17).set(255);
  EXPECT_EQ(read_again(repair).ranges, repair.ranges);
  const BackendWish wish{
      {17, *IpAddress::parse("2001:db8::100"), 443, *IpAddress::parse("203.0.113.1"), 8443},
      {7, true, "node-a"},
      {8, 50, 100, "node-b"}};
  EXPECT_EQ(read_again(wish), wish);
  EXPECT_EQ(read_again(AckRequest{1ULL << 40}).number, 1ULL << 40);
  EXPECT_EQ(read_again(Ack{7, {3, 1023}}).number, 7U);
  EXPECT_EQ(read_again(Ack{7, {3, 1023}}).lacking, (std::vector<std::uint16_t>{3, 1023}));
  EXPECT_EQ(read_again(WishSum{0x1122334455667788}).sum, 0x1122334455667788U);
  EXPECT_EQ(read_again(Status{5, 6}).echoed_ns, 6U);
  const RouterRole role{51, *IpAddress::parse("2001:db8::100"), 2, 150, 1};
  EXPECT_EQ(read_again(Roles{7, 8, {role, role}}).routers, std::vector(2, role));
  const RouterSockets web{*IpAddress::parse("192.0.2.100"), {{2, 0, 0, 0, 0, 1}}, 600'000, 12};
  const RouterSockets web6{*IpAddress::parse("2001:db8::100"), {{2, 0, 0, 0, 0, 1}}, 0, 0};
  EXPECT_EQ(read_again(LocalSockets{{web, web6}}).routers, (std::vector{web, web6}));
}

TEST(Message, SocketsAreAtTheMacOfOneHost) {
  const auto bytes = written(LocalSockets{{{*IpAddress::parse("192.0.2.100"), {{1}}, 1, 1}}});
  EXPECT_FALSE(parse(bytes));
}

TEST(Message, FlowsTakeSixteenAndTwentyEightBytes) {
  const FlowRecord flow{{0xc0000201, 0}, 40000, 7, 9, 2000, 2, 1, 5};
  const auto bytes = written(Flows<4>{{flow}});
  EXPECT_EQ(bytes.size(), 5 + 16U);
  const auto again = read_again(Flows<4>{{flow}}).flows.at(0);
  EXPECT_EQ(again.client[0], 0xc0000201U);
  EXPECT_EQ(again.source_port, 2000);
  EXPECT_EQ(again.hop, 5);
  EXPECT_EQ(written(Flows<6>{{flow}}).size(), 5 + 28U);
}

TEST(Message, HeldClientsTakeThirteenAndTwentyFiveBytes) {
  const ClientRecord client{{0xc0000201, 0}, 7, 9, 60'000, 1};
  EXPECT_EQ(written(Clients<4>{{client}}).size(), 5 + 13U);
  EXPECT_EQ(written(Clients<6>{{client}}).size(), 5 + 25U);
  const ClientRecord again = read_again(Clients<6>{{client}}).clients.at(0);
  EXPECT_EQ(again.client[0], 0xc0000201U);
  EXPECT_EQ(again.backend, 9);
  EXPECT_EQ(again.held_for_ms, 60'000U);
  EXPECT_EQ(again.decides, 1);
}

TEST(Message, OfManyRecordsIsCutIntoFrames) {
  Flows<6> many;
  many.flows.resize(5'000, {.port = 1, .service = 1, .backend = 1, .state = 1});
  const auto bytes = written(many);
  std::size_t at = 0, flows = 0;
  while (at < bytes.size()) {
    auto frame = parse(std::span(bytes).subspan(at));
    ASSERT_TRUE(frame && *frame);
    flows += std::get<Flows<6>>(*(*frame)->message).flows.size();
    at += (*frame)->bytes;
  }
  EXPECT_EQ(flows, 5'000U);
}

TEST(Message, ThatIsNotCompleteYetIsNone) {
  const auto bytes = written(Hello{.node = "a"});
  for (std::size_t length = 0; length < bytes.size(); length++) {
    const auto frame = parse(std::span(bytes).first(length));
    ASSERT_TRUE(frame);
    EXPECT_FALSE(*frame) << length;
  }
}

TEST(Message, OfAnUnknownTypeIsSkipped) {
  const std::vector<std::uint8_t> bytes{0, 0, 0, 3, 200, 1, 2, 3};
  const auto frame = parse(bytes);
  ASSERT_TRUE(frame && *frame);
  EXPECT_FALSE((*frame)->message);
  EXPECT_EQ((*frame)->bytes, bytes.size());
}

TEST(Message, MayHaveFieldsOfALaterVersionBehindItsOwn) {
  auto bytes = written(RepairEnd{5});
  bytes.push_back(77);
  bytes[3]++;
  const auto frame = parse(bytes);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ(std::get<RepairEnd>(*(*frame)->message).service, 5);
}

TEST(Message, ThatIsNoneIsRefused) {
  EXPECT_FALSE(parse(std::vector<std::uint8_t>{0, 1, 0, 0, 5}));  // 64 KiB
  EXPECT_FALSE(parse(std::vector<std::uint8_t>{0xff, 0xff, 0xff, 0xff, 5}));
  EXPECT_FALSE(parse(std::vector<std::uint8_t>{0, 0, 0, 1, 12, 1}));       // half a RepairEnd
  EXPECT_FALSE(parse(std::vector<std::uint8_t>{0, 0, 0, 3, 5, 1, 2, 3}));  // of a flow, 3 bytes
  auto bytes = written(Hello{.node = "a"});
  bytes[5] = 'X';  // another magic
  EXPECT_FALSE(parse(bytes));
  bytes = written(Flows<4>{{{.port = 1, .service = 1, .backend = 1, .state = 200}}});
  EXPECT_FALSE(parse(bytes));
}

}  // namespace
}  // namespace tandem::sync
