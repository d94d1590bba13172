// SPDX-License-Identifier: Apache-2.0
// The ports that the node's own kernel may take for its connections, and so fullnat must not: both use
// the same addresses, and a backend could not tell two connections of one port apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::services {

struct KernelPorts {
  std::string range;     // net.ipv4.ip_local_port_range: "32768\t60999"; both families go by it
  std::string reserved;  // net.ipv4.ip_local_reserved_ports: "8080,9000-9010"

  static KernelPorts read();  // of this network namespace
  bool operator==(const KernelPorts&) const = default;
};

inline constexpr std::size_t kFewPorts = 1024;

// By number: those from 1024 on that the kernel does not take by itself. All of them, if it leaves
// fewer than kFewPorts.
struct UsablePorts {
  std::vector<bool> ports;
  bool shared = false;  // with the kernel
};
[[nodiscard]] UsablePorts usable_ports(const KernelPorts& kernel);

}  // namespace tandem::services
