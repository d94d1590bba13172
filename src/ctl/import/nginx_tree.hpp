// SPDX-License-Identifier: Apache-2.0
// Nginx's configuration as blocks: words up to ; or {, with its quotes, comments and includes.
#pragma once

#include "ctl/import/files.hpp"
#include "ctl/import/notes.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

[[nodiscard]] Result<std::vector<Statement>> read_nginx_tree(const Files& files,
                                                             const std::string& path, Notes& notes);

}  // namespace tandem::importer
