// SPDX-License-Identifier: Apache-2.0
// What an archive holds that a backup of a configuration has no reason to hold.
#pragma once

#include <map>
#include <string>

#include "ctl/archive/manifest.hpp"

namespace tandem::archive {

// By path, why: "set-user-ID or set-group-ID", "nothing in the archive refers to it". Files beside the
// configuration and those of Nginx and sysctl are as usual, and so is what one that is names: its path,
// or the directory that it is in.
[[nodiscard]] std::map<std::string, std::string> oddities(const Manifest& manifest);

}  // namespace tandem::archive
