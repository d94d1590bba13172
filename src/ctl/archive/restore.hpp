// SPDX-License-Identifier: Apache-2.0
// A backup put back. What is to be done is found out first; then everything is staged beside its
// place, what will be replaced is archived, and only then renamed into place.
#pragma once

#include <string>
#include <vector>

#include "ctl/archive/manifest.hpp"
#include "ctl/archive/tree.hpp"

namespace tandem::archive {

struct Change {
  enum class What : std::uint8_t { create, replace, permissions };
  What what = What::create;
  Entry to;
  Entry from;  // unless it is to be created
};
[[nodiscard]] const char* to_string(Change::What what);

// What differs from the archive, in its order. What is there and not in the archive stays. An
// error: a directory stands where a file has to go, or the other way round.
[[nodiscard]] Result<std::vector<Change>> changes(const Tree& tree, const Manifest& manifest);

// Carries the changes out. What is replaced is written to `aside` first, an archive like any other;
// nothing is written there if nothing is replaced. After an error before the first rename all files
// are as they were, and no more than directories were made; after one within the renames, the error
// says what is done.
Result<void> apply(const Tree& tree, const Manifest& manifest, const std::vector<Change>& changes,
                   const std::string& aside);

}  // namespace tandem::archive
