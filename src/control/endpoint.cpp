// SPDX-License-Identifier: Apache-2.0
#include "control/endpoint.hpp"

#include "base/endpoint_text.hpp"
#include "config/endpoint.hpp"

namespace tandem::control {
namespace {

std::optional<IpAddress> bracketed(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(1, text.size() - 2));
  if (!address || address->is_v4()) return std::nullopt;
  return address;
}

}  // namespace

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return Endpoint{*address, std::nullopt};
  if (const auto address = bracketed(text)) return Endpoint{*address, std::nullopt};
  if (const auto both = config::parse_tcp_probe(text)) return Endpoint{both->address, both->port};
  return std::nullopt;
}

std::string Endpoint::to_string() const {
  return port ? endpoint_text(address, *port) : address.to_string();
}

}  // namespace tandem::control
