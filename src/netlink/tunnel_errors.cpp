// SPDX-License-Identifier: Apache-2.0
#include "netlink/tunnel_errors.hpp"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>

namespace tandem::netlink {
namespace {

Result<Descriptor> open_socket(int family, int protocol) {
  Descriptor made(socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!made) return fail_errno("cannot open a raw socket for errors about tunnels");
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog filter{1, &nothing};
  const int on = 1;
  const bool is_v4 = family == AF_INET;
  if (setsockopt(made.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0 ||
      setsockopt(made.get(), is_v4 ? int{SOL_IP} : int{SOL_IPV6}, is_v4 ? IP_RECVERR : IPV6_RECVERR,
                 &on, sizeof on) != 0)
    return fail_errno("cannot set up a raw socket for errors about tunnels");
  return made;
}

// Where the packet went that an error is about; nothing: the queue is empty, or it is another error.
std::optional<IpAddress> destination_of(const sockaddr_storage& name) {
  if (name.ss_family == AF_INET) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(name).sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  if (name.ss_family == AF_INET6) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(name).sin6_addr, bytes.size());
    return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

}  // namespace

Result<TunnelErrors> TunnelErrors::open() {
  TunnelErrors errors;
  for (const int family : {AF_INET, AF_INET6})
    for (const int protocol : {int{IPPROTO_IPIP}, int{IPPROTO_IPV6}}) {
      auto made = open_socket(family, protocol);
      if (!made) return std::unexpected(made.error());
      errors.sockets_.push_back(std::move(*made));
    }
  return errors;
}

std::vector<int> TunnelErrors::fds() const {
  std::vector<int> fds;
  for (const auto& one : sockets_) fds.push_back(one.get());
  return fds;
}

void TunnelErrors::process(const OnError& on_error) {
  for (const auto& one : sockets_) {
    for (;;) {
      sockaddr_storage name{};
      std::array<char, 256> control{};
      std::array<char, 64> quoted{};
      iovec data{quoted.data(), quoted.size()};
      msghdr message{};
      message.msg_name = &name;
      message.msg_namelen = sizeof name;
      message.msg_iov = &data;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      if (recvmsg(one.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
      if (const auto to = destination_of(name)) on_error(*to);
    }
    int pending = 0;  // of the socket itself, which else stays readable
    socklen_t size = sizeof pending;
    (void)getsockopt(one.get(), SOL_SOCKET, SO_ERROR, &pending, &size);
  }
}

}  // namespace tandem::netlink
