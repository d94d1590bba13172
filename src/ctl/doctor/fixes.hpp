// SPDX-License-Identifier: Apache-2.0
// What --fix does. Findings say what would be done; this does it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct Done {
  Action action;
  std::string trouble;  // empty: it worked
};

// Each action once, in the order of the findings.
[[nodiscard]] std::vector<Action> planned(const std::vector<Finding>& findings);

[[nodiscard]] std::vector<Done> carry_out(const Root& root, const std::vector<Action>& actions);

// "net.core.somaxconn = 4096", "mounted a BPF file system at /sys/fs/bpf"
[[nodiscard]] std::string describe(const Action& action);
// What has to be written where, for it to be so after the next start as well.
[[nodiscard]] std::string permanence(const std::vector<Done>& done);

}  // namespace tandem::doctor
