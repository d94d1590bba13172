// SPDX-License-Identifier: Apache-2.0
// keepalived's configuration as a sequence of plain lines: comments are gone, conditional lines
// (@ID) decided, parameters and repetitions (~SEQ, ~LST) put in, and included files are in their
// places. What a line means is not known here.
#pragma once

#include <string>
#include <vector>

#include "ctl/import/definitions.hpp"
#include "ctl/import/files.hpp"
#include "ctl/import/notes.hpp"

namespace tandem::importer {

// `config_id`: what @ID lines are compared with, keepalived's -i. A file that cannot be read, that
// includes itself or that expands without end is an error with its place.
[[nodiscard]] Result<std::vector<Line>> read_lines(const Files& files, const std::string& path,
                                                   const std::string& config_id, Notes& notes);

}  // namespace tandem::importer
