// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/load.hpp"

namespace tandem::config {

// What is wrong with a configuration, a line each, as of a file called "file".
inline std::string listed(const Loaded& loaded) {
  std::string text;
  for (const auto& problem : loaded.problems) text += format(problem, "file") + '\n';
  return text;
}

}  // namespace tandem::config
