// SPDX-License-Identifier: Apache-2.0
#include "speaker/router_changes.hpp"

namespace tandem::speaker {

void remove_routers(VrrpCommands& vrrp, const Plan& from, const Plan& to) {
  for (const auto& old : from.routers)
    if (to.find(old.id) == nullptr)
      vrrp.post([id = old.id](VrrpDriver& driver, MonotonicTime now) { driver.remove(id, now); });
}

void add_routers(VrrpCommands& vrrp, const Plan& from, const Plan& to) {
  bool other_addresses = false;
  for (const auto& r : to.routers) {
    const auto* old = from.find(r.id);
    if (old != nullptr && old->config == r.config && old->settings == r.settings) continue;
    vrrp.post([r, is_new = old == nullptr](VrrpDriver& driver, MonotonicTime now) {
      is_new ? driver.add(r.id, r.endpoint, r.settings, now)
             : driver.update(r.id, r.endpoint, r.settings, now);
    });
    other_addresses |= old != nullptr && old->config.addresses != r.config.addresses;
  }
  if (other_addresses) restate_addresses(vrrp, to);
}

void restate_addresses(VrrpCommands& vrrp, const Plan& plan) {
  for (const auto& r : plan.routers)
    vrrp.post(
        [id = r.id](VrrpDriver& driver, MonotonicTime now) { driver.restate_addresses(id, now); });
}

}  // namespace tandem::speaker
