// SPDX-License-Identifier: Apache-2.0
#include "netlink/nl.hpp"

#include <net/if.h>

#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/object.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/socket.h>

#include <algorithm>
#include <array>
#include <span>

namespace tandem::netlink {

void Release::operator()(nl_addr* p) const noexcept {
  nl_addr_put(p);
}
void Release::operator()(nl_cb* p) const noexcept {
  nl_cb_put(p);
}
void Release::operator()(nl_msg* p) const noexcept {
  nlmsg_free(p);
}
void Release::operator()(nl_object* p) const noexcept {
  nl_object_put(p);
}
void Release::operator()(nl_sock* p) const noexcept {
  nl_socket_free(p);
}
void Release::operator()(rtnl_addr* p) const noexcept {
  rtnl_addr_put(p);
}
void Release::operator()(rtnl_neigh* p) const noexcept {
  rtnl_neigh_put(p);
}

Owned<nl_addr> to_nl(const IpAddress& address) {
  const auto bytes = address.bytes();
  return Owned<nl_addr>(
      nl_addr_build(address.is_v4() ? AF_INET : AF_INET6, bytes.data(), bytes.size()));
}

Owned<nl_addr> to_nl(const IpPrefix& prefix) {
  auto address = to_nl(prefix.address);
  if (address) nl_addr_set_prefixlen(address.get(), prefix.length);
  return address;
}

namespace {

template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> bytes_of(nl_addr* address) {
  if (nl_addr_get_len(address) != N) return std::nullopt;
  std::array<std::uint8_t, N> bytes;
  std::ranges::copy_n(static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(address)), N,
                      bytes.begin());
  return bytes;
}

}  // namespace

std::optional<IpAddress> to_ip(nl_addr* address) {
  if (!address) return std::nullopt;
  if (nl_addr_get_family(address) == AF_INET)
    if (const auto bytes = bytes_of<4>(address)) return IpAddress::v4(*bytes);
  if (nl_addr_get_family(address) == AF_INET6)
    if (const auto bytes = bytes_of<16>(address)) return IpAddress::v6(*bytes);
  return std::nullopt;
}

std::optional<MacAddress> to_mac(nl_addr* address) {
  if (!address) return std::nullopt;
  const auto bytes = bytes_of<6>(address);
  if (!bytes) return std::nullopt;
  return MacAddress{*bytes};
}

Owned<nl_object> parse(nl_msg& message) {
  nl_object* object = nullptr;
  const auto keep = [](nl_object* parsed, void* slot) {
    nl_object_get(parsed);
    *static_cast<nl_object**>(slot) = parsed;
  };
  nl_msg_parse(&message, keep, &object);
  return Owned<nl_object>(object);
}

std::string device_name(int ifindex) {
  char name[IF_NAMESIZE];
  if (ifindex > 0 && if_indextoname(static_cast<unsigned>(ifindex), name)) return name;
  return "interface " + std::to_string(ifindex);
}

}  // namespace tandem::netlink
