// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "config/value.hpp"

namespace tandem::config {
namespace {

constexpr std::size_t kMostListed = 24;

// Mistypings between two words: letters left out, added, replaced, or swapped with the next
// (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> above_last;
  std::vector<std::size_t> above;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    above_last = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({above[j - 1] + (same ? 0 : 1), above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], above_last[j - 2] + 1);
    }
  }
  return row.back();
}

const std::string* closest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kLongestWord = 64;  // bounds the work; no key or name is longer
  if (word.size() > kLongestWord) return nullptr;
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    if (candidate.size() > kLongestWord) continue;
    if (const auto d = distance(word, candidate); d < least) {
      least = d;
      best = &candidate;
    }
  }
  return best;
}

}  // namespace

std::string suggest(std::string_view word, const std::vector<std::string>& known,
                    std::string_view otherwise) {
  if (known.empty()) return "expected " + std::string(otherwise);
  if (const auto* best = closest(word, known)) return "did you mean " + in_quotes(*best) + "?";
  std::string text = known.size() == 1 ? "expected " : "expected one of ";
  for (std::size_t i = 0; i < std::min(known.size(), kMostListed); ++i)
    text += (i == 0 ? "" : ", ") + in_quotes(known[i]);
  return text + (known.size() > kMostListed ? ", ..." : "");
}

}  // namespace tandem::config
