// SPDX-License-Identifier: Apache-2.0
// The two requests that put an address on an interface and take it off.
#pragma once

#include <string>

#include "base/address.hpp"
#include "base/result.hpp"
#include "netlink/link_table.hpp"
#include "netlink/socket.hpp"

namespace tandem::netlink {

// IPv4 addresses of which the kernel makes one the primary, the others its secondaries.
[[nodiscard]] bool same_network(const IpPrefix& a, const IpPrefix& b);

// What is wrong with a label, as a sentence for the operator: it belongs to IPv4, begins with
// the device's name, and has at most 15 characters.
[[nodiscard]] Result<void> check_label(const std::string& device, const IpPrefix& prefix,
                                       const std::string& label);

// IPv6 addresses are usable at once (no duplicate address detection: the other node may still
// have it) and, as host prefixes, never chosen as a source. protocol: tells whose it is. Gives
// the address as the kernel now has it. EEXIST: it is there already.
[[nodiscard]] std::expected<InterfaceAddress, KernelError> add_address(Requests& requests,
                                                                       int ifindex,
                                                                       const IpPrefix& prefix,
                                                                       const std::string& label,
                                                                       std::uint8_t protocol);

// EADDRNOTAVAIL: it is not there. The secondary addresses of its network stay: without the
// interface's promote_secondaries, which is off by default, the kernel would remove them, too.
[[nodiscard]] Outcome delete_address(Requests& requests, const Device& device,
                                     const IpPrefix& prefix);

}  // namespace tandem::netlink
