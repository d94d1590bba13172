// SPDX-License-Identifier: Apache-2.0
// Takes off what a daemon that is not running any more left on this host.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tandem::daemon {

// Virtual addresses, programs and filters on interfaces, and what is pinned below bpffs: flows, too.
// Programs of others stay. Errors: a daemon runs; or each thing that could not be taken off.
Result<void> clean_up(const std::string& bpffs);

}  // namespace tandem::daemon
