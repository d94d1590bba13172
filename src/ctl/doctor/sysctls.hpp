// SPDX-License-Identifier: Apache-2.0
// Kernel settings as facts. A key is a path below /proc/sys, "net/core/somaxconn": names of
// interfaces may have dots in them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct Sysctls {
  std::map<std::string, std::int64_t> values;  // those that there are

  [[nodiscard]] std::optional<std::int64_t> find(const std::string& key) const;
  // As the kernel combines them for an interface: the greater of "all" and its own.
  [[nodiscard]] std::int64_t of_interface(const std::string& name, const std::string& key) const;
};

// All that any check looks at, for these interfaces.
[[nodiscard]] Sysctls read_sysctls(const Root& root, const std::set<std::string>& interfaces);

// "net/ipv4/conf/eth0/rp_filter"
[[nodiscard]] std::string interface_key(const std::string& name, const std::string& key);
// "sysctl -w net.core.somaxconn=4096"
[[nodiscard]] std::string sysctl_command(const std::string& key, std::int64_t value);
[[nodiscard]] Action sysctl_action(const std::string& key, std::int64_t value);
// "net.core.somaxconn = 4096", for /etc/sysctl.d
[[nodiscard]] std::string sysctl_line(const Action& action);

void judge_sysctls(const config::Config& config, const Sysctls& sysctls, Findings& findings);

}  // namespace tandem::doctor
