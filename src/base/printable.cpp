// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tandem {
namespace {

struct Decoded {
  char32_t character = 0;
  std::size_t bytes = 1;
  bool good = false;
};

// RFC 3629: the shortest form alone, and no surrogates.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  char32_t character = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; i++) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    character = character << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (character < kLeast[bytes] || character > 0x10ffff ||
      (character >= 0xd800 && character <= 0xdfff))
    return {};
  return {character, bytes, true};
}

struct Range {
  char32_t first, last;
};
constexpr std::array kHarmful{
    Range{0x00, 0x1f},     Range{0x7f, 0x9f},     Range{0x061c, 0x061c},
    Range{0x200b, 0x200f}, Range{0x2028, 0x202e}, Range{0x2060, 0x206f},
    Range{0xfeff, 0xfeff}, Range{0xfff9, 0xfffb}, Range{0xe0000, 0xe007f}};

bool is_harmful(char32_t c) {
  return std::ranges::any_of(kHarmful, [c](Range r) { return c >= r.first && c <= r.last; });
}

}  // namespace

std::string printable(std::string_view text, bool keep_newlines) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.good && (!is_harmful(next.character) || (keep_newlines && next.character == '\n')))
      clean.append(text.substr(0, next.bytes));
    else
      clean += '?';
    text.remove_prefix(next.bytes);
  }
  return clean;
}

}  // namespace tandem
