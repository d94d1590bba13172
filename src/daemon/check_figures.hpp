// SPDX-License-Identifier: Apache-2.0
// From what the health room knows of a check to what the observe room shows.
#pragma once

#include "health/checker.hpp"
#include "observe/check_figures.hpp"

namespace tandem::daemon {

[[nodiscard]] inline observe::CheckFigures figures_of(const health::Status& status) {
  return {status.runs, status.failures, status.latency};
}

}  // namespace tandem::daemon
