// SPDX-License-Identifier: Apache-2.0
#include "speaker/snapshot.hpp"

#include <memory>
#include <utility>

namespace tandem::speaker {

void with_snapshot(VrrpCommands& vrrp, const Plan& plan, std::function<void(const Snapshot&)> use) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->routers.resize(plan.routers.size());
  for (std::size_t i = 0; i < plan.routers.size(); i++)
    snapshot->routers[i].id = plan.routers[i].id;
  vrrp.post(
      [snapshot](VrrpDriver& driver, MonotonicTime) {
        for (auto& status : snapshot->routers) status = driver.routers().status(status.id);
        snapshot->counters = driver.counters();
      },
      [snapshot, use = std::move(use)] { use(*snapshot); });
}

}  // namespace tandem::speaker
