// SPDX-License-Identifier: Apache-2.0
// Nginx's upstream, as what a service says of its backends.
#pragma once

#include "import/gateway.hpp"
#include "import/tree.hpp"

namespace tandem::importer {

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // 0: none was written
};
// "192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.1"; nothing for a name or a socket.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

// Sets scheduler, backends and check of a service at `port`.
void set_backends(Table& service, const Statement& upstream, std::uint16_t port, Family family,
                  Notes& notes);

}  // namespace tandem::importer
