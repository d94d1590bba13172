// SPDX-License-Identifier: Apache-2.0
// What of a configuration does not fit this machine or this build: interfaces that are not there,
// commands that others than root could change, services that nothing would forward.
#pragma once

#include <vector>

#include "config/load.hpp"
#include "netlink/links.hpp"

namespace tandem::daemon {

[[nodiscard]] std::vector<config::Problem> check_system(const config::Config& config,
                                                        const netlink::Links& links);

}  // namespace tandem::daemon
