// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?" for misspelt names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

// What to say after a wrong word: `did you mean "eth0"?` where one of the known is close, else
// `expected one of "eth0", "eth1"`, else (nothing known) `expected ` + otherwise.
[[nodiscard]] std::string suggest(std::string_view word, const std::vector<std::string>& known,
                                  std::string_view otherwise);

}  // namespace tandem::config
