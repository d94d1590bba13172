// SPDX-License-Identifier: Apache-2.0
#include "ctl/import/words.hpp"

#include <utility>

#include "ctl/import/text.hpp"

namespace tandem::importer {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// A character by its number: at most `most` digits of `base`.
char numbered(std::string_view text, std::size_t& at, int base, std::size_t most) {
  int value = 0;
  for (const std::size_t end = at + most; at < text.size() && at < end; ++at) {
    const int d = digit(text[at]);
    if (d >= base) break;
    value = (value * base + d) & 0xff;
  }
  return static_cast<char>(value);
}

// What stands behind a backslash; `at` is moved behind it.
char escaped(std::string_view text, std::size_t& at) {
  const char c = text[at];
  if (c >= '0' && c <= '7') return numbered(text, at, 8, 3);
  ++at;
  switch (c) {
    case 'x':
      return numbered(text, at, 16, text.size());
    case 'c':
      return at < text.size() ? static_cast<char>(text[at++] & 0x1f) : 'c';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'E':
      return '\x1b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

}  // namespace

std::optional<Words> split_words(std::string_view text) {
  Words words;
  std::string word;
  bool is_word = false;  // "" is one, too
  char quote = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c == '\\' && at < text.size()) {
      word += escaped(text, at);
      is_word = true;
    } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote != 0 ? '\0' : c;
      is_word = true;
    } else if (quote != 0 || kBlank.find(c) == std::string_view::npos) {
      word += c;
      is_word = true;
    } else if (std::exchange(is_word, false)) {
      words.push_back(std::exchange(word, {}));
    }
  }
  if (quote != 0) return std::nullopt;
  if (is_word) words.push_back(std::move(word));
  return words;
}

}  // namespace tandem::importer
