// SPDX-License-Identifier: Apache-2.0
// Help for a terminal of 80 columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::ctl {

inline constexpr std::size_t kHelpColumns = 80;

// Text of paragraphs and lists in lines of at most kHelpColumns. Lines that begin with a blank stay
// lines of their own: what is too long goes on below where its text began, behind the term.
[[nodiscard]] std::string wrapped(std::string_view text);

// `term`, and behind it from `column` on `text`; on the next line if the term is longer.
[[nodiscard]] std::string entry(const std::string& term, std::size_t column, std::string_view text);

}  // namespace tandem::ctl
