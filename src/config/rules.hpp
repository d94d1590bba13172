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

// Whether this build has the engine that is asked for, and its CPUs.
void check_engine(const File& file, Problems& problems);
// Who reaches the documents.
void check_http(const File& file, Problems& problems);
// What each interface's driver takes.
void check_ports(const File& file, Problems& problems);
// Names that are taken twice, and names that nothing has.
void check_names(const File& file, Problems& problems);
// The keys of a check that are for HTTP, where it is another one.
void check_terms(const Value& table, bool is_http, bool is_tls, bool verifies, Problems& problems);
// Each check by itself.
void check_checks(const File& file, Problems& problems);
// Each virtual router by itself, and their identities.
void check_routers(const File& file, Problems& problems);
// Virtual addresses across the file, and their labels.
void check_addresses(const File& file, Problems& problems);
// The idle times of flows.
void check_flows(const File& file, Problems& problems);
// The ends of the links to the other node.
void check_sync(const File& file, Problems& problems);
// Each service by itself, and their addresses and ports.
void check_services(const File& file, Problems& problems);
// The backends of each service, and those that services share.
void check_backends(const File& file, Problems& problems);

}  // namespace tandem::config
