// SPDX-License-Identifier: Apache-2.0
// Text of others (a check's output, a file's name, a peer's word), made harmless for a terminal and
// for a log.
#pragma once

#include <string>
#include <string_view>

namespace tandem {

// Control characters (C0, DEL, C1), those that turn the direction of writing, those that end a line
// elsewhere, and what is no UTF-8 become '?', one for each.
[[nodiscard]] std::string printable(std::string_view text, bool keep_newlines = false);

}  // namespace tandem
