// SPDX-License-Identifier: Apache-2.0
// Arbitrary text as a configuration file: it is read or refused, with problems that are one line
// each and at places within the text, and reading it again gives the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/load.hpp"

namespace {

using namespace tandem::config;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto loaded = parse(text);
  const auto lines = 1 + std::ranges::count(text, '\n');
  for (const auto& problem : loaded.problems) {
    require(problem.where.line >= 0 && problem.where.line <= lines + 1);
    require(format(problem, "file").find('\n') == std::string::npos);
  }
  const auto again = parse(text);
  require(again.config == loaded.config && again.problems.size() == loaded.problems.size());
  return 0;
}
