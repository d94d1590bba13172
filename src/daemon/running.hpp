// SPDX-License-Identifier: Apache-2.0
// The configuration that runs. A reload alone changes it.
#pragma once

#include <string>

#include "config/backend_changes.hpp"
#include "speaker/plan.hpp"

namespace tandem::daemon {

struct Running {
  std::string file;
  speaker::Plan plan;
  speaker::Numbers numbers;  // those that the plan uses
  config::Config from_file;  // without what was changed of backends since
  config::BackendChanges backend_changes;
};

}  // namespace tandem::daemon
