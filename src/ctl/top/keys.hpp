// SPDX-License-Identifier: Apache-2.0
// A terminal's bytes as keys: characters, and the sequences that VT100 and its kin send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::ctl::top {

struct Key {
  enum class Kind : std::uint8_t {
    character,  // in `text`, one code point of UTF-8
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    tab,
    back_tab,
    enter,
    erase,
    escape,
  };
  Kind kind = Kind::character;
  std::string text;

  bool operator==(const Key&) const = default;
};

class KeyReader {
 public:
  // The keys that are complete with these bytes. A lone ESC may be the beginning of a sequence:
  // it waits.
  [[nodiscard]] std::vector<Key> read(std::string_view bytes);
  [[nodiscard]] bool waits() const { return !pending_.empty(); }
  // Nothing has followed: what waits is what it is.
  [[nodiscard]] std::vector<Key> give_up();

 private:
  std::string pending_;
};

// The last code point of the text goes.
void erase_last(std::string& text);

}  // namespace tandem::ctl::top
