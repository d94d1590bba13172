// SPDX-License-Identifier: Apache-2.0
#include "ctl/top/keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tandem::ctl::top {

namespace {

using Kind = Key::Kind;

constexpr std::pair<std::string_view, Kind> kSequences[] = {
    {"\x1b[A", Kind::up},       {"\x1bOA", Kind::up},       {"\x1b[B", Kind::down},
    {"\x1bOB", Kind::down},     {"\x1b[5~", Kind::page_up}, {"\x1b[6~", Kind::page_down},
    {"\x1b[H", Kind::home},     {"\x1bOH", Kind::home},     {"\x1b[1~", Kind::home},
    {"\x1b[F", Kind::end},      {"\x1bOF", Kind::end},      {"\x1b[4~", Kind::end},
    {"\x1b[Z", Kind::back_tab},
};

// Bytes of the sequence that begins here with ESC: CSI or SS3 (ECMA-48); 0: more are to come.
std::size_t sequence_length(std::string_view bytes) {
  if (bytes.size() < 2) return 0;
  if (bytes[1] == 'O') return bytes.size() < 3 ? 0 : 3;
  if (bytes[1] != '[') return 1;  // the key itself
  const auto last =
      std::find_if(bytes.begin() + 2, bytes.end(), [](char c) { return c >= 0x40 && c <= 0x7e; });
  return last == bytes.end() ? 0 : static_cast<std::size_t>(last - bytes.begin()) + 1;
}

std::size_t code_point_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

void add(std::vector<Key>& keys, std::string_view bytes) {
  const auto known =
      std::ranges::find(kSequences, bytes, &std::pair<std::string_view, Kind>::first);
  if (known != std::end(kSequences)) return keys.push_back({known->second, ""});
  switch (bytes[0]) {
    case '\x1b':
      if (bytes.size() == 1) keys.push_back({Kind::escape, ""});  // else of a key without a meaning
      return;
    case '\t':
      return keys.push_back({Kind::tab, ""});
    case '\r':
    case '\n':
      return keys.push_back({Kind::enter, ""});
    case '\b':
    case '\x7f':
      return keys.push_back({Kind::erase, ""});
    default:
      if (static_cast<unsigned char>(bytes[0]) >= 0x20)
        keys.push_back({Kind::character, std::string(bytes)});
  }
}

}  // namespace

std::vector<Key> KeyReader::read(std::string_view bytes) {
  pending_ += bytes;
  std::vector<Key> keys;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const std::size_t length =
        rest[0] == '\x1b' ? sequence_length(rest) : code_point_length(rest[0]);
    if (length == 0 || length > rest.size()) break;
    add(keys, rest.substr(0, length));
    rest.remove_prefix(length);
  }
  pending_ = std::string(rest);
  return keys;
}

std::vector<Key> KeyReader::give_up() {
  std::vector<Key> keys;
  if (const std::string bytes = std::exchange(pending_, ""); !bytes.empty())
    add(keys, bytes.substr(0, 1));
  return keys;
}

void erase_last(std::string& text) {
  while (!text.empty() && (text.back() & 0xc0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

}  // namespace tandem::ctl::top
