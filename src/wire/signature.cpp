// SPDX-License-Identifier: Apache-2.0
// SHA256_Init() and its like, not the newer EVP_Digest...(): those of OpenSSL 3.0 allocate each time
// that one begins, and this runs on the VRRP thread.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "wire/signature.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "wire/vrrp_layout.hpp"

namespace tandem::wire {
namespace {

constexpr std::size_t kBlockBytes = 64;                     // of SHA-256
constexpr std::uint8_t kInnerPad = 0x36, kOuterPad = 0x5c;  // RFC 2104, 2
static_assert(kLongestSecret <= kBlockBytes, "RFC 2104 hashes longer ones first");

constexpr std::size_t kOriginBytes = 20;
using Origin = std::array<std::uint8_t, kOriginBytes>;
using Bytes = std::span<const std::uint8_t>;

Origin origin_of(const IpAddress& source, Bytes message) {
  Origin origin{};
  origin[0] = source.is_v4() ? 4 : 6;
  origin[1] = static_cast<std::uint8_t>(message[0] >> 4);
  origin[2] = message[kVridAt];
  std::ranges::copy(source.bytes(), origin.begin() + 4);
  return origin;
}

void begin(SHA256_CTX& context, const Secret& secret, std::uint8_t pad) {
  std::array<std::uint8_t, kBlockBytes> block{};
  std::ranges::transform(secret, block.begin(),
                         [pad](auto b) { return static_cast<std::uint8_t>(b ^ pad); });
  SHA256_Init(&context);
  SHA256_Update(&context, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

void add(SHA256_CTX& context, Bytes bytes) {
  SHA256_Update(&context, bytes.data(), bytes.size());
}

}  // namespace

std::uint64_t sequence_at(Duration time_of_day) noexcept {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const auto ns = static_cast<std::uint64_t>(time_of_day.count());
  const std::uint64_t fraction = (ns % kSecond << 16) / kSecond;
  return ns / kSecond << 32 | fraction << 16;
}

Duration later_by(std::uint64_t sequence, std::uint64_t than) noexcept {
  const auto distance = static_cast<std::int64_t>(sequence - than);
  const std::int64_t seconds = distance >> 32;
  const std::int64_t fraction = distance & 0xffffffff;
  return std::chrono::seconds(seconds) + Duration((fraction * 1'000'000'000) >> 32);
}

Signature::Code code_of(const Secret& secret, const IpAddress& source,
                        Bytes signed_bytes) noexcept {
  constexpr std::array<std::uint8_t, 2> kNoChecksum{};
  constexpr Signature::Code kNoCode{};
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256_CTX context;
  begin(context, secret, kInnerPad);
  add(context, origin_of(source, signed_bytes));
  add(context, signed_bytes.first(kChecksumAt));
  add(context, kNoChecksum);
  add(context, signed_bytes.subspan(kChecksumAt + kNoChecksum.size()));
  add(context, kNoCode);
  SHA256_Final(digest.data(), &context);
  begin(context, secret, kOuterPad);
  add(context, digest);
  SHA256_Final(digest.data(), &context);
  OPENSSL_cleanse(&context, sizeof(context));
  Signature::Code code;
  std::copy_n(digest.begin(), code.size(), code.begin());
  return code;
}

bool is_code_of(const Signature::Code& code, const Secret& secret, const IpAddress& source,
                Bytes signed_bytes) noexcept {
  const auto right = code_of(secret, source, signed_bytes);
  return CRYPTO_memcmp(right.data(), code.data(), code.size()) == 0;
}

bool sign(Advert& advert, const IpAddress& source, const Secret& secret) noexcept {
  constexpr std::size_t kLongest = message_bytes(Family::ipv6, 3, 255) + kSignatureBytes;
  std::array<std::uint8_t, kLongest> message;
  if (!advert.signature) return false;
  Signature::Code& code = advert.signature->code;
  const std::size_t length = emit_advert(advert, source, source, message);
  if (length == 0) return false;
  code = code_of(secret, source, Bytes(message).first(length - code.size()));
  return true;
}

}  // namespace tandem::wire
