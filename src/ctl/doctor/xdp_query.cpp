// SPDX-License-Identifier: Apache-2.0
// XDP on a device: the mode of the program that is attached, and what the driver can do. Native
// XDP cannot be tried without touching traffic (many drivers reset the NIC), so a driver is only
// believed where it speaks: by the kernel's "netdev" netlink family, which came with Linux 6.3.
#include <bpf/libbpf.h>
#include <linux/genetlink.h>
#include <net/if.h>

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "ctl/doctor/device.hpp"

namespace tandem::doctor {
namespace {

// Of the kernel's include/uapi/linux/netdev.h, which Linux 6.1's headers do not have.
constexpr std::uint8_t kDevGet = 1;        // NETDEV_CMD_DEV_GET
constexpr std::uint16_t kIfindex = 1;      // NETDEV_A_DEV_IFINDEX
constexpr std::uint16_t kXdpFeatures = 3;  // NETDEV_A_DEV_XDP_FEATURES
constexpr std::uint64_t kBasic = 1;        // NETDEV_XDP_ACT_BASIC: XDP_PASS, DROP, TX, ABORTED

struct Release {
  void operator()(nl_sock* p) const { nl_socket_free(p); }
  void operator()(nl_msg* p) const { nlmsg_free(p); }
  void operator()(unsigned char* p) const { std::free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

// Asks a family of generic netlink, with one attribute, for another; nothing if that is not of the
// type T in the answer.
template <class T>
std::optional<T> ask(nl_sock* socket, std::uint16_t family, std::uint8_t command,
                     std::uint16_t attribute, std::span<const std::byte> value,
                     std::uint16_t wanted) {
  const Owned<nl_msg> request(nlmsg_alloc_simple(family, 0));
  genlmsghdr general{command, 1, 0};
  if (!request || nlmsg_append(request.get(), &general, sizeof general, NLMSG_ALIGNTO) != 0 ||
      nla_put(request.get(), attribute, static_cast<int>(value.size()), value.data()) != 0 ||
      nl_send_auto(socket, request.get()) < 0)
    return std::nullopt;
  sockaddr_nl from{};
  unsigned char* bytes = nullptr;
  const int length = nl_recv(socket, &from, &bytes, nullptr);
  const Owned<unsigned char> answer(bytes);
  if (length <= 0) return std::nullopt;
  auto* header = reinterpret_cast<nlmsghdr*>(answer.get());
  if (!nlmsg_ok(header, length) || header->nlmsg_type != family) return std::nullopt;  // an error
  const nlattr* found = nlmsg_find_attr(header, GENL_HDRLEN, wanted);
  if (found == nullptr || nla_len(found) != static_cast<int>(sizeof(T))) return std::nullopt;
  T result{};
  std::memcpy(&result, nla_data(found), sizeof result);
  return result;
}

std::optional<bool> has_native_xdp(unsigned ifindex) {
  const Owned<nl_sock> socket(nl_socket_alloc());
  if (!socket || nl_connect(socket.get(), NETLINK_GENERIC) != 0) return std::nullopt;
  nl_socket_disable_auto_ack(socket.get());
  constexpr std::array kName{'n', 'e', 't', 'd', 'e', 'v', '\0'};
  const auto family =
      ask<std::uint16_t>(socket.get(), GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
                         std::as_bytes(std::span(kName)), CTRL_ATTR_FAMILY_ID);
  if (!family) return std::nullopt;
  const auto features = ask<std::uint64_t>(socket.get(), *family, kDevGet, kIfindex,
                                           std::as_bytes(std::span(&ifindex, 1)), kXdpFeatures);
  if (!features) return std::nullopt;
  return (*features & kBasic) != 0;
}

Attached attached_on(unsigned ifindex) {
  DECLARE_LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (bpf_xdp_query(static_cast<int>(ifindex), 0, &query) != 0) return Attached::unknown;
  if (query.drv_prog_id != 0 || query.hw_prog_id != 0) return Attached::native;
  return query.skb_prog_id != 0 ? Attached::generic : Attached::nothing;
}

}  // namespace

void ask_xdp(Device& device) {
  const unsigned ifindex = if_nametoindex(device.name.c_str());
  if (ifindex == 0) return;
  device.xdp = attached_on(ifindex);
  device.native_xdp = has_native_xdp(ifindex);
}

}  // namespace tandem::doctor
