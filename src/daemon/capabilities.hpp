// SPDX-License-Identifier: Apache-2.0
// What the kernel has to allow this process, whoever runs it.
#pragma once

#include <string>
#include <vector>

namespace tandem::daemon {

// Those that the daemon cannot do without and does not have: "cap_net_admin", ...
[[nodiscard]] std::vector<std::string> missing_capabilities();

}  // namespace tandem::daemon
