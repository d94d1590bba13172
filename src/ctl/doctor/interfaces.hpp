// SPDX-License-Identifier: Apache-2.0
// The interfaces of a configuration, and the devices that their frames come in on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/device.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/sysctls.hpp"

namespace tandem::doctor {

struct Network {
  std::map<std::string, Device> devices;      // all of the node, by name
  std::map<std::string, std::string> bottom;  // of each configured interface: its device
  std::vector<int> cpus;                      // online
};

// Devices with all that can be asked; `config` says which matter.
[[nodiscard]] Network read_network(const Root& root, const config::Config& config);

// Existence, link, stack; XDP; queues, rings, interrupts; offloads.
void judge_interfaces(const config::Config& config, const Network& network, Findings& findings);
void judge_queues(const config::Config& config, const Device& device, const Network& network,
                  Findings& findings);
void judge_offloads(const Device& device, bool reads_tags, Findings& findings);
void judge_mtu(const config::Config& config, const Network& network, Findings& findings);
// Reverse paths and ARP.
void judge_neighbours(const config::Config& config, const Network& network, const Sysctls& sysctls,
                      Findings& findings);

}  // namespace tandem::doctor
