// SPDX-License-Identifier: Apache-2.0
// The files that an Nginx configuration names: certificates, keys, what it includes.
#pragma once

#include <string>
#include <vector>

#include "ctl/archive/tree.hpp"

namespace tandem::archive {

// From nginx.conf on; paths may be there twice, and what is not there may be among them.
[[nodiscard]] std::vector<std::string> nginx_files(const Tree& tree,
                                                   const std::string& configuration);

}  // namespace tandem::archive
