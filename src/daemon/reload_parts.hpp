// SPDX-License-Identifier: Apache-2.0
// What the parts of a node do in a reload. The order is the node's.
#pragma once

#include "daemon/reload.hpp"
#include "daemon/virtual_addresses.hpp"
#include "services/services.hpp"
#include "speaker/speaker.hpp"

namespace tandem::daemon {

// Which addresses are an owner's own; those of ports of the engine's own are installed.
[[nodiscard]] ReloadPart addresses_part(VirtualAddresses& addresses,
                                        const speaker::Interfaces& interfaces);
// Virtual routers that go: their addresses are removed, then they resign.
[[nodiscard]] ReloadPart departures_part(VirtualAddresses& addresses, speaker::Speaker& speaker);
// Interfaces that come are there before they are needed, those that go end after it.
[[nodiscard]] ReloadPart interfaces_part(speaker::Interfaces& interfaces,
                                         const speaker::Numbers& numbers);
[[nodiscard]] ReloadPart services_part(services::Services& services,
                                       const speaker::Interfaces& interfaces);
// Virtual routers that come or change, and the peers of all.
[[nodiscard]] ReloadPart routers_part(speaker::Speaker& speaker);

}  // namespace tandem::daemon
