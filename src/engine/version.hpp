// SPDX-License-Identifier: Apache-2.0
// What `--version` says: the build's features are fixed when it is configured.
#pragma once

#include <string>

namespace tandem::engine {

// Three lines: the program's version, the build's features, and its libraries.
[[nodiscard]] std::string version_text(const std::string& program);

}  // namespace tandem::engine
