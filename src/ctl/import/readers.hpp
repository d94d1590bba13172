// SPDX-License-Identifier: Apache-2.0
// The blocks of keepalived.conf, each by the function that carries it over.
#pragma once

#include "ctl/import/gateway.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

// In this order: later ones ask what earlier ones left in the Gateway.
// An error is what has the block as a whole left out.
[[nodiscard]] Result<void> read_global_defs(const Statement& block, Gateway& gateway);
[[nodiscard]] Result<void> read_interface_delays(const Statement& block, Gateway& gateway);
[[nodiscard]] Result<void> read_vrrp_script(const Statement& block, Gateway& gateway);
[[nodiscard]] Result<void> read_track_process(const Statement& block, Gateway& gateway);
[[nodiscard]] Result<void> read_sync_group(const Statement& block, Gateway& gateway);
[[nodiscard]] Result<void> read_vrrp_instance(const Statement& block, Gateway& gateway);

// After all of the above: what sync groups say to their members, and the settings that follow
// from tracking and notify scripts.
void finish_routers(Gateway& gateway);

// Virtual servers, with their groups.
void read_virtual_servers(const std::vector<Statement>& statements, Gateway& gateway);

// Shared by virtual routers and sync groups.
void read_tracked(const Statement& block, std::string_view kind, std::vector<Tracked>& tracked,
                  Gateway& gateway);
// The name of the check that stands for a vrrp_track_process.
[[nodiscard]] std::string process_name(const std::string& name);
// notify_master, notify_backup, notify_fault, notify_stop and notify. `type`: INSTANCE or GROUP.
[[nodiscard]] Result<void> read_notify(const Statement& statement, const std::string& type,
                                       const std::string& name, Notify& notify, Gateway& gateway);

}  // namespace tandem::importer
