// SPDX-License-Identifier: Apache-2.0
// Of the machine as a whole: its clocks, the CPUs' governors, SELinux.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/processes.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct Host {
  std::optional<bool> clock_synchronised;
  std::string clock_source;
  std::vector<std::string> clock_sources;  // that there are
  std::vector<std::string> governors;      // each once
  std::optional<bool> selinux_enforces;    // none: there is no SELinux
  std::size_t denials = 0;                 // of tandemd, at the end of the audit log
};

[[nodiscard]] Host read_host(const Root& root);
[[nodiscard]] bool clock_is_synchronised();  // by adjtimex(2)

void judge_host(const config::Config& config, const Host& host,
                const std::vector<Process>& processes, Findings& findings);

}  // namespace tandem::doctor
