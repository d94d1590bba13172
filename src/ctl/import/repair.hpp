// SPDX-License-Identifier: Apache-2.0
// A result that is a good configuration: what tandemd would refuse is left out, with a note at the
// place that it came from, until nothing is refused.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ctl/import/document.hpp"

namespace tandem::importer {

// What tandemd says of a configuration.
struct Complaint {
  bool is_error = true;
  int line = 0;  // of the text, 1-based; 0: of the text as a whole
  std::string what;
};
using Judge = std::function<std::vector<Complaint>(const std::string& text)>;

// Takes out of `tables` what `judge` refuses, and notes it. Notes what it warns of, unless something
// is a caution there already. An error: it refuses the rest, too.
[[nodiscard]] Result<void> repair(std::vector<Table>& tables, std::vector<Note>& notes,
                                  const Judge& judge);

}  // namespace tandem::importer
