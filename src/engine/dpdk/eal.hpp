// SPDX-License-Identifier: Apache-2.0
// DPDK's environment of this process: its memory of huge pages, its log, its view of the CPUs.
//
// It can be started once in a process, and is there until the process ends. Ports are made and
// unmade afterwards, one by one (port.hpp): so it is started without any device.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace tandem::engine {

struct EalOptions {
  std::uint32_t memory_mb = 0;  // that packet buffers are made of
  bool huge_pages = true;       // without, they are of ordinary pages, for tests and replays
  // PCI devices that ports may be made of: address, or address,devargs. How they reach memory,
  // through an IOMMU or by physical addresses, is found out from them at the start.
  std::vector<std::string> pci = {};
};

using EalLog = std::function<void(const std::string& line)>;

// Errors: too few huge pages are free, with the command that fixes it; or DPDK's own last words.
// log: gets each line that DPDK writes; from any thread.
Result<void> start_eal(const EalOptions& options, EalLog log);

// Huge pages of 2 MB that nobody uses, in MB.
[[nodiscard]] std::uint64_t free_huge_memory_mb();

}  // namespace tandem::engine
