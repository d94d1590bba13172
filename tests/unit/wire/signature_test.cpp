// SPDX-License-Identifier: Apache-2.0
// Signatures of adverts: what they are over, their sequences, and that to sign allocates nothing.
// The codes are compared with those of Python's hmac in scapy_test.py.
#include "wire/signature.hpp"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>

#include "packets.hpp"

namespace tandem::wire {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

// OpenSSL asks which memory functions to use once, before it allocates for the first time.
std::size_t openssl_allocations = 0;
void* count_malloc(std::size_t size, const char*, int) {
  ++openssl_allocations;
  return std::malloc(size);
}
void* count_realloc(void* memory, std::size_t size, const char*, int) {
  ++openssl_allocations;
  return std::realloc(memory, size);
}
void just_free(void* memory, const char*, int) {
  std::free(memory);
}
const bool is_counting = CRYPTO_set_mem_functions(count_malloc, count_realloc, just_free) == 1;

Secret secret_of(std::uint8_t first) {
  Secret secret{};
  for (std::size_t i = 0; i < kShortestSecret; ++i)
    secret[i] = static_cast<std::uint8_t>(first + i);
  return secret;
}

Advert with_signature(Advert advert, std::uint64_t sequence = 0x1122334455667788) {
  advert.signature = Signature{.key = 7, .sequence = sequence};
  return advert;
}

Advert signed_advert(const Advert& advert) {
  Advert result = with_signature(advert);
  EXPECT_TRUE(sign(result, router_of(advert.family), secret_of(0)));
  return result;
}

bool is_verified(const ReceivedAdvert& received, const Secret& secret) {
  return is_code_of(received.advert.signature->code, secret, received.source,
                    received.signed_bytes);
}

const Advert kKinds[] = {advert_v2(), advert_v3(), advert_v3(Family::ipv6)};

TEST(Signature, IsVerifiedInEveryFormatAndOnlyByItsKey) {
  for (const Advert& advert : kKinds) {
    const Packet packet = packet_of(signed_advert(advert));
    const auto received = parse_advert(packet);
    ASSERT_TRUE(received) << to_string(received.error());
    ASSERT_TRUE(received->advert.signature);
    EXPECT_EQ(received->advert.signature->key, 7);
    EXPECT_TRUE(is_verified(*received, secret_of(0)));
    EXPECT_FALSE(is_verified(*received, secret_of(1)));
  }
}

TEST(Signature, IsWrongAfterAnyBitWasChangedButForTheChecksum) {
  for (const Advert& advert : kKinds) {
    const IpAddress source = router_of(advert.family);
    const Packet message = message_of(signed_advert(advert), source, vrrp_group(advert.family));
    const std::size_t code_at = message.size() - sizeof(Signature::code);
    Signature::Code code{};
    std::copy_n(message.begin() + static_cast<std::ptrdiff_t>(code_at), code.size(), code.begin());
    for (std::size_t bit = 0; bit < 8 * code_at; ++bit) {
      Packet changed = message;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      const bool is_checksum = bit / 8 == 6 || bit / 8 == 7;
      EXPECT_EQ(is_code_of(code, secret_of(0), source, std::span(changed).first(code_at)),
                is_checksum)
          << "bit " << bit;
    }
  }
}

TEST(Signature, IsOfItsSenderAndForAllReceivers) {
  const Advert advert = signed_advert(advert_v3());
  const IpAddress source = router_of(Family::ipv4);
  for (const char* to : {"224.0.0.18", "192.0.2.3", "198.51.100.7"}) {
    const auto packet = in_ip(message_of(advert, source, ip(to)), source, ip(to));
    auto received = parse_advert(packet);
    ASSERT_TRUE(received);
    EXPECT_TRUE(is_verified(*received, secret_of(0)));
    received->source = ip("192.0.2.4");
    EXPECT_FALSE(is_verified(*received, secret_of(0)));
  }
}

// Kernels write and verify the checksum of IPv6 over all that the header carries. Others may have
// summed up the message alone.
TEST(Signature, OfAnIpv6AdvertIsCoveredByTheChecksumOrNot) {
  const Advert advert = with_signature(advert_v3(Family::ipv6));
  const IpAddress source = router_of(Family::ipv6), group = vrrp_group(Family::ipv6);
  const Packet covered = message_of(advert, source, group);
  Packet alone = message_of(advert_v3(Family::ipv6), source, group);
  alone.insert(alone.end(), covered.end() - 28, covered.end());
  EXPECT_NE(covered, alone);
  for (const Packet& message : {covered, alone}) {
    const auto received = parse_advert(in_ip(message, source, group));
    ASSERT_TRUE(received) << to_string(received.error());
    EXPECT_EQ(received->advert, advert);
  }
}

TEST(Signature, IsNoneIfWhatFollowsTheMessageHasAnotherLength) {
  const IpAddress source = router_of(Family::ipv4), group = vrrp_group(Family::ipv4);
  for (const std::size_t extra : {1, 27, 29, 56}) {
    Packet message = message_of(advert_v3(), source, group);
    message.resize(message.size() + extra, 0xa5);
    const auto received = parse_advert(in_ip(message, source, group));
    ASSERT_TRUE(received) << to_string(received.error());
    EXPECT_FALSE(received->advert.signature);
  }
}

TEST(Signature, AllocatesNothing) {
  ASSERT_TRUE(is_counting);
  Advert advert = with_signature(advert_v3(Family::ipv6));
  const Packet packet = packet_of(signed_advert(advert_v3()));
  const auto received = parse_advert(packet);
  const std::size_t before = openssl_allocations;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(sign(advert, router_of(Family::ipv6), secret_of(0)));
    EXPECT_TRUE(is_verified(*received, secret_of(0)));
  }
  EXPECT_EQ(openssl_allocations, before);
}

TEST(Sequence, IsTheTimeOfDay) {
  EXPECT_EQ(sequence_at(seconds(1)), std::uint64_t{1} << 32);
  EXPECT_EQ(sequence_at(milliseconds(1500)), (std::uint64_t{1} << 32) + (std::uint64_t{1} << 31));
  EXPECT_EQ(sequence_at(Duration(999'999'999)) & 0xffff, 0U);
  EXPECT_EQ(sequence_at(seconds(1'800'000'000)) >> 32, 1'800'000'000U);
}

TEST(Sequence, IsComparedByItsDistance) {
  const auto now = sequence_at(seconds(1'800'000'000));
  EXPECT_TRUE(is_newer(now + 1, now));
  EXPECT_FALSE(is_newer(now, now));
  EXPECT_FALSE(is_newer(now - 1, now));
  EXPECT_EQ(later_by(sequence_at(milliseconds(2500)), sequence_at(seconds(4))),
            milliseconds(-1500));
  // In the year 2106 the seconds begin again.
  const auto last = sequence_at(seconds(0xffffffff)), first = sequence_at(seconds(0x1'0000'0001));
  EXPECT_TRUE(is_newer(first, last));
  EXPECT_EQ(later_by(first, last), seconds(2));
}

}  // namespace
}  // namespace tandem::wire
