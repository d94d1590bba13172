// SPDX-License-Identifier: Apache-2.0
// libnl's objects with owners that release them, and what converts between libnl's addresses and
// ours. libnl's own headers stay out of this room's headers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/address.hpp"

struct nl_addr;
struct nl_cb;
struct nl_msg;
struct nl_object;
struct nl_sock;
struct rtnl_addr;
struct rtnl_neigh;

namespace tandem::netlink {

struct Release {
  void operator()(nl_addr* p) const noexcept;
  void operator()(nl_cb* p) const noexcept;
  void operator()(nl_msg* p) const noexcept;
  void operator()(nl_object* p) const noexcept;
  void operator()(nl_sock* p) const noexcept;
  void operator()(rtnl_addr* p) const noexcept;
  void operator()(rtnl_neigh* p) const noexcept;
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

inline constexpr int kIfaProto = 11;  // IFA_PROTO of Linux 5.18

// With a prefix length that covers the whole address.
[[nodiscard]] Owned<nl_addr> to_nl(const IpAddress& address);
[[nodiscard]] Owned<nl_addr> to_nl(const IpPrefix& prefix);
// Nothing if `address` is null or of another kind.
[[nodiscard]] std::optional<IpAddress> to_ip(nl_addr* address);
[[nodiscard]] std::optional<MacAddress> to_mac(nl_addr* address);

// The rtnetlink object (a rtnl_link, rtnl_addr, ... by the message's type) that the message
// carries; null if libnl can't make sense of it.
[[nodiscard]] Owned<nl_object> parse(nl_msg& message);

// "eth0", or "interface 7" if the kernel has none of that index (any more).
[[nodiscard]] std::string device_name(int ifindex);

}  // namespace tandem::netlink
