// SPDX-License-Identifier: Apache-2.0
// What backup and restore share.
#pragma once

#include "base/result.hpp"
#include "ctl/command.hpp"

namespace tandem::ctl {

inline constexpr const char* kBackups = "/var/backups/tandem";

// Says what is wrong; gives kRefused.
Exit complain(const LocalContext& local, const Error& error);

}  // namespace tandem::ctl
