// SPDX-License-Identifier: Apache-2.0
// The disk and the machine, as an import sees them.
#pragma once

#include <string>

#include "base/result.hpp"
#include "ctl/import/files.hpp"
#include "ctl/import/machine.hpp"

namespace tandem::ctl {

[[nodiscard]] importer::Files disk_files();
[[nodiscard]] importer::Machine this_machine();

// Puts a file at `path` as a whole or not at all, for its owner alone: it may hold a password.
// Where there is one already, only with `may_replace`.
[[nodiscard]] Result<void> write_new_file(const std::string& path, const std::string& text,
                                          bool may_replace);

}  // namespace tandem::ctl
