// SPDX-License-Identifier: Apache-2.0
// The configuration file itself: what is wrong in it, and who may touch it.
#pragma once

#include <string>

#include "config/load.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

void judge_settings(const config::Loaded& loaded, const std::string& file, Findings& findings);
void judge_permissions(const Root& root, const config::Config& config, const std::string& file,
                       Findings& findings);

}  // namespace tandem::doctor
