// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint.hpp"

#include <algorithm>
#include <charconv>

namespace tandem::config {
namespace {

bool is_host_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  // A name of digits and dots alone would be a mistyped address.
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, allowed) &&
         text.find_first_not_of("0123456789.") != std::string_view::npos;
}

struct HostPort {
  std::string_view host;  // without brackets
  bool bracketed = false;
  std::optional<std::string_view> port;
};

// Splits HOST[:PORT]; nullopt where brackets do not pair.
std::optional<HostPort> split(std::string_view text) {
  HostPort parts;
  auto rest = std::string_view{};
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.host = text.substr(1, close - 1);
    parts.bracketed = true;
    rest = text.substr(close + 1);
  } else {
    parts.host = text.substr(0, text.find(':'));
    rest = text.substr(parts.host.size());
  }
  if (rest.empty()) return parts;
  if (!rest.starts_with(':')) return std::nullopt;
  parts.port = rest.substr(1);
  return parts;
}

// A numeric host, bracketed exactly where it is IPv6.
std::optional<IpAddress> numeric(const HostPort& parts) {
  const auto address = IpAddress::parse(parts.host);
  if (!address || address->is_v4() == parts.bracketed) return std::nullopt;
  return address;
}

}  // namespace

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, port);
  if (error != std::errc{} || end != last || port == 0 || text.starts_with('0'))
    return std::nullopt;
  return port;
}

std::optional<TcpProbe> parse_tcp_probe(std::string_view text) {
  const auto parts = split(text);
  if (!parts || !parts->port) return std::nullopt;
  const auto address = numeric(*parts);
  const auto port = parse_port(*parts->port);
  if (!address || !port) return std::nullopt;
  return TcpProbe{*address, *port};
}

bool is_request_text(std::string_view text) {
  const auto visible = [](char c) { return c > ' ' && c < '\x7f' && c != '#'; };
  return text.size() <= 2048 && std::ranges::all_of(text, visible);
}

std::optional<HttpProbe> parse_http_probe(std::string_view text) {
  if (!is_request_text(text)) return std::nullopt;

  HttpProbe probe;
  probe.tls = text.starts_with("https://");
  if (!probe.tls && !text.starts_with("http://")) return std::nullopt;
  text.remove_prefix(probe.tls ? 8 : 7);

  const auto authority = text.substr(0, text.find_first_of("/?"));
  const auto target = text.substr(authority.size());
  const auto parts = split(authority);
  if (!parts || (!numeric(*parts) && (parts->bracketed || !is_host_name(parts->host))))
    return std::nullopt;
  const auto port =
      parts->port ? parse_port(*parts->port) : std::optional<std::uint16_t>(probe.tls ? 443 : 80);
  if (!port) return std::nullopt;

  probe.host = parts->host;
  probe.port = *port;
  probe.target = target.starts_with('/') ? std::string(target) : '/' + std::string(target);
  return probe;
}

}  // namespace tandem::config
