// SPDX-License-Identifier: Apache-2.0
#include "config/duration.hpp"
#include "config/rules.hpp"

namespace tandem::config {

void check_checks(const File& file, Problems& problems) {
  for (std::size_t i = 0; i < file.config.checks.size(); ++i) {
    const auto& check = file.config.checks[i];
    if (check.timeout > check.interval)
      problems.warn(place(file.root, {"check", i, "timeout"}),
                    "timeout: " + in_quotes(to_text(check.timeout)) +
                        " is longer than the interval, expected at most " +
                        in_quotes(to_text(check.interval)));
  }
}

}  // namespace tandem::config
