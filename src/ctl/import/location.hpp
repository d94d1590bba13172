// SPDX-License-Identifier: Apache-2.0
// Where something stands in a file that is imported.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tandem::importer {

struct Location {
  std::string file;  // as it was opened
  int line = 0;      // 1-based; 0: the file as a whole

  auto operator<=>(const Location&) const = default;
  [[nodiscard]] std::string to_string() const {
    return line == 0 ? file : file + ':' + std::to_string(line);
  }
};

// Foreign text in a message: cut where it is long, what is not printable as '?'; shown() quotes it.
[[nodiscard]] std::string cut(std::string_view text);
[[nodiscard]] std::string shown(std::string_view text);

// "FILE:LINE: what"
[[nodiscard]] inline std::unexpected<Error> fail_at(const Location& place,
                                                    const std::string& what) {
  return fail(place.to_string() + ": " + what);
}

}  // namespace tandem::importer
