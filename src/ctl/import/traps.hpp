// SPDX-License-Identifier: Apache-2.0
// What keepalived accepts without a word, and what then does not do what it seems to.
#pragma once

#include "ctl/import/gateway.hpp"

namespace tandem::importer {

// Weights that cannot move an address, because they are less than what lies between the two nodes'
// priorities; and, with the peer's configuration, what has to be alike on both nodes and is not.
void find_traps(Gateway& ours, const Gateway* peer);

}  // namespace tandem::importer
