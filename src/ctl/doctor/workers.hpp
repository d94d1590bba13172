// SPDX-License-Identifier: Apache-2.0
// What engine = "dpdk" takes: huge pages, CPUs of its own, NICs that the kernel has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/interfaces.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct WorkerGround {
  std::int64_t pages = 0;  // of 2 MB, all
  std::int64_t free = 0;
  bool hugetlbfs = false;            // at dpdk.huge_pages
  std::vector<int> isolated;         // CPUs
  std::vector<std::string> unbound;  // "0000:03:00.0 (vfio-pci)": NICs without a kernel's driver
};

[[nodiscard]] WorkerGround read_worker_ground(const Root& root, const config::Config& config);

// running: the daemon has its pages already.
void judge_workers(const config::Config& config, const WorkerGround& ground, const Network& network,
                   bool running, Findings& findings);

}  // namespace tandem::doctor
