// SPDX-License-Identifier: Apache-2.0
// The VRRP driver without its thread: each command runs at once.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "speaker/plan.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::speaker {

// Runs each command at once, on a driver whose virtual routers have no interface.
class DirectVrrp : public VrrpCommands {
 public:
  void post(Run run, Finished finished) override {
    run(driver, now);
    if (finished) finished();
  }
  void add(const Plan& plan) {
    for (const auto& r : plan.routers) driver.add(r.id, r.endpoint, r.settings, now);
  }
  [[nodiscard]] int priority(vrrp::RouterId id) const {
    return driver.routers().status(id).effective_priority;
  }

  MonotonicTime now{std::chrono::seconds(1000)};
  std::vector<VrrpEvent> events;
  std::unique_ptr<td_tables> tables = std::make_unique<td_tables>();
  flow::Steering steering{*tables};
  VrrpDriver driver{steering, [this](const VrrpEvent& event) {
                      events.push_back(event);
                      return true;
                    }};
};

}  // namespace tandem::speaker
