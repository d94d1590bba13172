// SPDX-License-Identifier: Apache-2.0
// A node's backup: made, and old ones dropped.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ctl/archive/manifest.hpp"
#include "ctl/archive/tree.hpp"

namespace tandem::archive {

struct Backup {
  std::string path;
  Manifest manifest;
  std::vector<std::string> warnings;
};

using Seconds = std::chrono::sys_seconds;

// Of the node whose configuration is `config` below `root`, into `directory` (of this machine). A
// configuration with mistakes is backed up, too, and warned of.
[[nodiscard]] Result<Backup> back_up(const std::string& root, const std::string& config,
                                     const std::string& directory, Seconds now);

// "tandem-node-a-20260102T030405Z.tar.gz"
[[nodiscard]] std::string file_name(const std::string& node, Seconds at);

// Removes the node's backups in `directory` that are older than `keep`, by the time in their names;
// never the newest. Gives what it removed.
[[nodiscard]] Result<std::vector<std::string>> drop_old(const std::string& directory,
                                                        const std::string& node,
                                                        std::chrono::seconds keep, Seconds now);

}  // namespace tandem::archive
