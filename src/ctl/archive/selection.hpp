// SPDX-License-Identifier: Apache-2.0
// What of a node goes into a backup.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/archive/tree.hpp"

namespace tandem::archive {

// The configuration with all that is beside it, the commands that it names, Nginx with its
// certificates and keys, sysctls, drop-ins of the unit. Sorted by path, directories before what is
// in them.
[[nodiscard]] Result<std::vector<Entry>> select(const Tree& tree, const std::string& config_path,
                                                const config::Config& config);

// The kernel's settings that matter to a gateway, as they are now, by name.
[[nodiscard]] std::map<std::string, std::string> current_sysctls();

}  // namespace tandem::archive
