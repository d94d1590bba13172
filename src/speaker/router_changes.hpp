// SPDX-License-Identifier: Apache-2.0
// What the VRRP thread is told when one plan takes the place of another. A router that both have
// alike is not touched: its timers do not notice.
#pragma once

#include "speaker/plan.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::speaker {

// Those that are only in `from` resign and go.
void remove_routers(VrrpCommands& vrrp, const Plan& from, const Plan& to);
// Those that are new in `to` start; those that differ change in place.
void add_routers(VrrpCommands& vrrp, const Plan& from, const Plan& to);

// Has the VRRP thread say again, as events, which addresses the kernel is to have: events were lost,
// or the addresses changed, of which VRRP knows nothing. As events, so that none is older than what
// it undoes.
void restate_addresses(VrrpCommands& vrrp, const Plan& plan);

}  // namespace tandem::speaker
