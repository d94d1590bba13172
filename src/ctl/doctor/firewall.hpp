// SPDX-License-Identifier: Apache-2.0
// What the host's firewall does with what Tandem hands to the kernel.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"
#include "ctl/doctor/ruleset.hpp"

namespace tandem::doctor {

struct Firewall {
  std::optional<Ruleset> rules;
  std::string trouble;        // why there are no rules to look at; empty: there are
  std::string legacy_tables;  // of the old iptables, "filter nat"
};

[[nodiscard]] Firewall read_firewall(const Root& root);

void judge_firewall(const config::Config& config, const Firewall& firewall, Findings& findings);

}  // namespace tandem::doctor
