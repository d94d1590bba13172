// SPDX-License-Identifier: Apache-2.0
// Nginx's upstream, as what a service says of its backends.
#pragma once

#include "ctl/import/gateway.hpp"
#include "ctl/import/tree.hpp"

namespace tandem::importer {

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // 0: none was written
};
// "192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.1"; nothing for a name or a socket.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

// What of an upstream a service does not have, and so Nginx goes on with it; empty: nothing.
[[nodiscard]] std::string reason_to_stay(const Statement& upstream, Family family,
                                         const Gateway& gateway);
// Sets scheduler, backends and check of a service at `port`.
void set_backends(Table& service, const Statement& upstream, std::uint16_t port, Notes& notes);

}  // namespace tandem::importer
