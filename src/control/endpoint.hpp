// SPDX-License-Identifier: Apache-2.0
// An address that may come with a port, as people name a backend or a client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"

namespace tandem::control {

struct Endpoint {
  IpAddress address;
  std::optional<std::uint16_t> port;  // absent: any, or all

  // "198.51.100.21", "198.51.100.21:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80"
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  // Whether it names this one.
  [[nodiscard]] bool names(const IpAddress& other, std::uint16_t other_port) const {
    return address == other && (!port || *port == other_port);
  }
  bool operator==(const Endpoint&) const = default;
};

}  // namespace tandem::control
