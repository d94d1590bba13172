// SPDX-License-Identifier: Apache-2.0
// What of an Nginx becomes a service. A listen on a virtual address is a service that is handed to
// this node's Nginx. A server of stream {} that only passes connections on is a service that needs
// no Nginx at all. HTTP stays where it is.
#pragma once

#include "ctl/import/gateway.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

// After the virtual routers and the virtual servers; what those took is theirs.
void read_nginx(const std::vector<Statement>& statements, Gateway& gateway);

}  // namespace tandem::importer
