// SPDX-License-Identifier: Apache-2.0
// Whether a command from the configuration may be run by a daemon that is root.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tandem {

// Refuses `path` unless nobody but root and the user the daemon runs as could change what would
// run: it is absolute, leads to an executable regular file, and neither that file nor any
// directory or link target on the way there can be written by group or others, or belongs to
// anybody else. A sticky directory such as /tmp counts as writable. The error names the path at
// fault, its mode and owner, and the fix.
//
// Arguments are not looked at: of ["/bin/sh", "/tmp/x"] only the shell is judged.
// To be asked when the configuration is read and again before each run; nobody else can change
// the answer in between the question and the run, because nobody else can write on the way.
[[nodiscard]] Result<void> check_command_is_safe(const std::string& path);

}  // namespace tandem
