// SPDX-License-Identifier: Apache-2.0
// Whether a sentence that users read begins with a word that points at another one.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace tandem {

inline bool leans_on_another(std::string_view meaning) {
  constexpr std::array<std::string_view, 16> kPointers = {
      "Of ", "The same", "After which", "After so", "For so long", "Between ", "From ", "Until ",
      "It ", "Its ",     "They ",       "Their ",   "Which ",      "As many ", "Then ", "These "};
  return std::ranges::any_of(kPointers,
                             [&](std::string_view begin) { return meaning.starts_with(begin); });
}

}  // namespace tandem
