// SPDX-License-Identifier: Apache-2.0
// What only the VRRP thread knows, at one moment.
#pragma once

#include <functional>
#include <vector>

#include "speaker/plan.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::speaker {

struct Snapshot {
  std::vector<vrrp::Status> routers;  // in the order of Plan::routers
  DriverCounters counters;
};

// Has the VRRP thread fill one for these routers. `use` is called later, on the control thread.
void with_snapshot(VrrpCommands& vrrp, const Plan& plan, std::function<void(const Snapshot&)> use);

}  // namespace tandem::speaker
