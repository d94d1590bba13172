// SPDX-License-Identifier: Apache-2.0
// What an earlier run left behind.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/interfaces.hpp"
#include "ctl/doctor/processes.hpp"
#include "ctl/doctor/root.hpp"
#include "ctl/doctor/segment.hpp"

namespace tandem::doctor {

// Directories of other ABI versions in node.bpffs.
[[nodiscard]] std::vector<std::string> read_foreign_pins(const Root& root,
                                                         const config::Config& config);

void judge_pins(const std::vector<std::string>& foreign, Findings& findings);
// While no daemon answers. segment: who else answers for them, as far as it was asked.
void judge_left_addresses(const config::Config& config, const Network& network,
                          const Segment& segment, const std::vector<Process>& processes,
                          Findings& findings);

}  // namespace tandem::doctor
