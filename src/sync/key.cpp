// SPDX-License-Identifier: Apache-2.0
#include "sync/key.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "base/descriptor.hpp"

namespace tandem::sync {
namespace {

constexpr std::size_t kDigits = 2 * std::tuple_size_v<Key>;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<Key> read_key(const std::string& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("sync.key_file: cannot read " + file);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return fail_errno("sync.key_file: cannot read " + file);
  if ((status.st_mode & 077) != 0)
    return fail("sync.key_file: others than its owner may read " + file +
                "; expected mode 0600, set with: chmod 600 " + file);
  std::array<char, kDigits + 2> text{};
  const auto length = ::read(fd.get(), text.data(), text.size());
  std::string_view digits(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  Key key{};
  bool good = digits.size() == kDigits;
  for (std::size_t i = 0; good && i < key.size(); i++) {
    const int high = digit_of(digits[2 * i]), low = digit_of(digits[2 * i + 1]);
    good = high >= 0 && low >= 0;
    key[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (!good)
    return fail("sync.key_file: " + file +
                " is no key, expected 64 hexadecimal digits, as `tandemctl sync-key " + file +
                "` writes them");
  return key;
}

Result<void> make_key(const std::string& file) {
  Key key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1)
    return fail("the system has no random numbers");
  std::string text;
  for (const std::uint8_t byte : key) {
    constexpr std::string_view kHex = "0123456789abcdef";
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  text += '\n';
  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("cannot make " + file);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno("cannot write " + file);
  return {};
}

std::uint64_t secret_of_sums(const Key& key) {
  constexpr std::string_view kPurpose = "tandem: sums of flows";
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(kPurpose.data()), kPurpose.size(), digest.data(),
       &length);
  std::uint64_t secret = 0;
  for (int i = 0; i < 8; i++) secret = secret << 8 | digest[static_cast<std::size_t>(i)];
  return secret;
}

}  // namespace tandem::sync
