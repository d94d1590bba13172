// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "config/rules.hpp"
#include "config/schema.hpp"

namespace tandem::config {

void check_engine(const File& file, Problems& problems) {
  if (file.config.node.engine == "dpdk" && !kHasDpdk)
    problems.error(place(file.root, {"node", "engine"}),
                   "engine: \"dpdk\" is not in this build, expected \"xdp\"");
  std::set<std::uint16_t> seen;
  for (const auto cpu : file.config.dpdk.cpus)
    if (!seen.insert(cpu).second)
      problems.error(place(file.root, {"dpdk", "cpus"}),
                     "cpus: " + std::to_string(cpu) +
                         " is listed twice, expected a CPU of its own for each worker");
}

}  // namespace tandem::config
