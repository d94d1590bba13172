// SPDX-License-Identifier: Apache-2.0
// An address and a port as people write them: "198.51.100.21:80", "[2001:db8::21]:80".
#pragma once

#include <cstdint>
#include <string>

#include "base/address.hpp"

namespace tandem {

[[nodiscard]] inline std::string endpoint_text(const IpAddress& address, std::uint16_t port) {
  const std::string host = address.is_v4() ? address.to_string() : "[" + address.to_string() + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace tandem
