// SPDX-License-Identifier: Apache-2.0
#include "config/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/descriptor.hpp"

namespace tandem::config {
namespace {

constexpr std::string_view kHexPrefix = "hex:";
constexpr std::size_t kLongestSecretFile = kHexPrefix.size() + 2 * wire::kLongestSecret;

int hex_value_of(char digit) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
  const auto at = kHexDigits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// nullopt: no hexadecimal digits, or half a byte.
std::optional<std::string> decoded(std::string_view digits) {
  std::string bytes;
  if (digits.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = hex_value_of(digits[i]), low = hex_value_of(digits[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

Result<std::string> read_text(const std::string& file) {
  // Not blocking: it might be a pipe.
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) return fail_errno("cannot read " + file);
  if (!S_ISREG(status.st_mode)) return fail(file + " is no file, expected one with a secret");
  if ((status.st_mode & 077) != 0)
    return fail("others than its owner may read " + file +
                ", expected mode 0600, set with: chmod 600 " + file);
  std::array<char, kLongestSecretFile + 3> text{};
  const auto length = ::read(fd.get(), text.data(), text.size());
  if (length < 0) return fail_errno("cannot read " + file);
  std::string whole(text.data(), static_cast<std::size_t>(length));
  while (whole.ends_with('\n') || whole.ends_with('\r')) whole.pop_back();
  return whole;
}

}  // namespace

Result<wire::Secret> read_secret(const std::string& file) {
  const auto text = read_text(file);
  if (!text) return std::unexpected(text.error());
  const bool is_hex = text->starts_with(kHexPrefix);
  const std::optional<std::string> bytes =
      is_hex ? decoded(text->substr(kHexPrefix.size())) : std::optional(*text);
  const std::string expected = ", expected 32 to 64 characters, as `tandemctl sync-key " + file +
                               "` writes them, or hex: and 64 to 128 hexadecimal digits";
  if (!bytes) return fail(file + ": what follows hex: is no whole hexadecimal number" + expected);
  if (bytes->size() < wire::kShortestSecret || bytes->size() > wire::kLongestSecret)
    return fail(
        file + ": a secret of " +
        (text->size() > kLongestSecretFile ? "more than 64" : std::to_string(bytes->size())) +
        " bytes" + expected);
  wire::Secret secret{};
  std::ranges::copy(*bytes, secret.begin());
  return secret;
}

std::vector<Problem> bad_secret_files(const Config& config) {
  std::vector<Problem> problems;
  for (const auto& v : config.vrrp) {
    if (!v.auth) continue;
    for (const auto& key : v.auth->keys)
      if (const auto secret = read_secret(key.file); !secret && !key.file.empty())
        problems.push_back({Severity::error, key.where,
                            "vrrp '" + v.name + "': auth: key " + std::to_string(key.id) + ": " +
                                secret.error().message});
  }
  return problems;
}

}  // namespace tandem::config
