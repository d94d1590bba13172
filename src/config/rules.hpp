// SPDX-License-Identifier: Apache-2.0
// Rules that tie keys, tables or lists together; schema.hpp has those of single keys. They look at
// what could be read: values left empty by an earlier problem take part in no rule.
#pragma once

#include "config/config.hpp"
#include "config/problems.hpp"
#include "config/value.hpp"

namespace tandem::config {

struct File {  // the values and, for places, the tree that they were read from
  const Config& config;
  const Value& root;
};

// Names that are taken twice, and names that nothing has.
void check_names(const File& file, Problems& problems);
// Each check by itself.
void check_checks(const File& file, Problems& problems);
// Each virtual router by itself, and their identities.
void check_routers(const File& file, Problems& problems);
// Virtual addresses across the file, their labels, and the services on them.
void check_addresses(const File& file, Problems& problems);

}  // namespace tandem::config
