// SPDX-License-Identifier: Apache-2.0
// keepalived's words: separated by white space, except in "..." or '...'; a quote may begin inside
// a word, and the other kind of quote is a character inside it. \ escapes as keepalived.conf(5)
// says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::importer {

using Words = std::vector<std::string>;

// Nothing if a quote is not closed.
[[nodiscard]] std::optional<Words> split_words(std::string_view text);

}  // namespace tandem::importer
