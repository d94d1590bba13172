// SPDX-License-Identifier: Apache-2.0
// What a check probes, as text: "192.0.2.1:80", "[2001:db8::1]:80", "https://host:8443/health".
#pragma once

#include <optional>
#include <string_view>

#include "config/config.hpp"

namespace tandem::config {

// 1-65535 in decimal, without sign or leading zeros.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text);

// A numeric address, IPv6 in brackets, and a port.
[[nodiscard]] std::optional<TcpProbe> parse_tcp_probe(std::string_view text);

// What a URL or a part of one may hold: printable ASCII (RFC 3986) without a fragment, bounded.
[[nodiscard]] bool is_request_text(std::string_view text);

// http://HOST[:PORT][/PATH][?QUERY] or https://...; HOST is a name, an IPv4 address, or an IPv6
// address in brackets. No user information, no fragment.
[[nodiscard]] std::optional<HttpProbe> parse_http_probe(std::string_view text);

}  // namespace tandem::config
