// SPDX-License-Identifier: Apache-2.0
// From files to the one tree that is read: what a file includes, variables of the environment, and
// the section of the node that this is.
//
//   include = ["common.toml", "conf.d/*.toml"]   files beside the one that has the line
//   "${NAME}", "${NAME:-default}"                in any string; "$${" stands for "${"
//   [node."gw-a"]                                keys of [node], and of other tables, for that node
//
// Arrays of tables ([[vrrp]], [[service]] ...) of several files follow each other; a key of any
// other table stands in one of them only. A node's section names a [[vrrp]] by its name:
//
//   [node."gw-a"]
//   vrrp."VI_1" = { priority = 150 }
//   sync = { listen = "198.51.100.2:9106", peer = "198.51.100.3:9106" }
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"
#include "config/value.hpp"

namespace tandem::config {

// Where things that are named come from; real ones, or a test's.
struct Sources {
  // The text of a file, or why there is none.
  std::function<std::expected<std::string, std::string>(const std::string& path)> read;
  // Paths that a pattern stands for, in order.
  std::function<std::vector<std::string>(const std::string& pattern)> match;
  std::function<std::optional<std::string>(const std::string& name)> variable;
};

struct Composed {
  Value root;
  std::vector<std::string> files;  // by Location::file
  std::vector<std::string> nodes;  // that have a section
};

// `path` names the file whose text this is. node: whose section counts; empty: $TANDEM_NODE, else
// the name in [node], else the host's.
[[nodiscard]] Composed compose(std::string_view text, const std::string& path,
                               const std::string& node, const Sources& sources, Problems& problems);

}  // namespace tandem::config
