// SPDX-License-Identifier: Apache-2.0
// Whether keepalived would run a script at all: not as a user that the machine does not have.
#pragma once

#include "ctl/import/gateway.hpp"

namespace tandem::importer {

// Why keepalived leaves a script out; empty: it runs it.
[[nodiscard]] std::string reason_to_ignore(const Script& script, const Gateway& gateway);

// SCRIPT [USER [GROUP]] of a statement, from the word `n` on, with the user and group that are usual
// for it. An error is also what has keepalived ignore it.
[[nodiscard]] Result<Script> script_to_run(const Statement& statement, std::size_t n,
                                           Gateway& gateway);

}  // namespace tandem::importer
