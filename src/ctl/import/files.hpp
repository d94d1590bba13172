// SPDX-License-Identifier: Apache-2.0
// How files are got at. The room itself opens none: tandemctl passes the disk's, tests pass theirs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace tandem::importer {

struct Files {
  // The text of a file; the error says why not, without the path.
  std::function<Result<std::string>(const std::string& path)> read;
  // The paths that a pattern as of glob(7) stands for, in order.
  std::function<std::vector<std::string>(const std::string& pattern)> match;
};

inline constexpr std::size_t kLongestFile = std::size_t{4} << 20;
inline constexpr std::size_t kMostOpen = 16;  // files that include each other

// read(), or "FILE:LINE: ..." with the place that asked for it: also for a file that is too long
// or not text.
[[nodiscard]] Result<std::string> read_text(const Files& files, const std::string& path);

// `path` as seen from the directory of the file that names it.
[[nodiscard]] std::string beside(const std::string& file, const std::string& path);

// Whether glob(7) would see more in it than itself.
[[nodiscard]] bool is_pattern(const std::string& path);

}  // namespace tandem::importer
