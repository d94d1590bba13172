// SPDX-License-Identifier: Apache-2.0
// All of it: gathers the facts, has them judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "ctl/doctor/daemon_view.hpp"
#include "ctl/doctor/finding.hpp"

namespace tandem::doctor {

struct Question {
  std::string config_file;
  std::optional<DaemonView> daemon;  // none: it does not answer
  std::string unreachable;           // why
  Duration listen{};                 // for adverts and answers to probes
};

[[nodiscard]] std::vector<Finding> examine(const Question& question);

}  // namespace tandem::doctor
