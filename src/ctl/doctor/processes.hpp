// SPDX-License-Identifier: Apache-2.0
// The processes of this network namespace that matter here.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct Process {
  int pid = 0;
  std::string name;     // "keepalived"
  std::string command;  // with its arguments, one blank apart
  bool here = true;     // in this network namespace
};

[[nodiscard]] std::vector<Process> read_processes(const Root& root);

// The first of that name in this network namespace; NULL: there is none.
[[nodiscard]] const Process* find_here(const std::vector<Process>& processes,
                                       const std::string& name);
[[nodiscard]] const Process* other_vrrp_daemon(const std::vector<Process>& processes);

// Other VRRP daemons. `root`: to see which addresses their configuration names.
void judge_other_daemons(const Root& root, const config::Config& config,
                         const std::vector<Process>& processes, Findings& findings);

}  // namespace tandem::doctor
