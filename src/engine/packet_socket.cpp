// SPDX-License-Identifier: Apache-2.0
#include "engine/packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace tandem::engine {

Result<PacketSocket> PacketSocket::open(unsigned device, unsigned host, const std::string& name) {
  PacketSocket self;
  self.device_ = device;
  self.host_ = host;
  self.name_ = name;
  // Protocol 0: it only sends, nothing is queued on it.
  self.packet_ = Descriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!self.packet_) return fail_errno(name + ": cannot open a packet socket");
  const int on = 1;
  if (setsockopt(self.packet_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0)
    return fail_errno(name + ": cannot bypass the queueing discipline");
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(device);
  if (bind(self.packet_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    return fail_errno(name + ": cannot bind a packet socket");
  return self;
}

Result<void> PacketSocket::join(const IpAddress& group) {
  const auto is_it = [&](const auto& joined) { return joined.first == group; };
  if (std::ranges::any_of(groups_, is_it)) return {};
  Descriptor fd(socket(group.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno(name_ + ": cannot open a socket for the group " + group.to_string());
  int result = 0;
  if (group.is_v4()) {
    ip_mreqn request{};
    std::memcpy(&request.imr_multiaddr, group.bytes().data(), sizeof request.imr_multiaddr);
    request.imr_ifindex = static_cast<int>(host_);
    result = setsockopt(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
  } else {
    ipv6_mreq request{};
    std::memcpy(&request.ipv6mr_multiaddr, group.bytes().data(), sizeof request.ipv6mr_multiaddr);
    request.ipv6mr_interface = host_;
    result = setsockopt(fd.get(), IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request);
  }
  if (result != 0) return fail_errno(name_ + ": cannot join the group " + group.to_string());
  groups_.emplace_back(group, std::move(fd));
  return {};
}

Result<void> PacketSocket::accept_mac(const MacAddress& mac) {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(device_);
  request.mr_type = PACKET_MR_UNICAST;
  request.mr_alen = 6;
  std::ranges::copy(mac.bytes, request.mr_address);
  if (setsockopt(packet_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0)
    return fail_errno(name_ + ": cannot accept frames to " + mac.to_string());
  return {};
}

bool PacketSocket::send(std::span<const std::uint8_t> frame) noexcept {
  return ::send(packet_.get(), frame.data(), frame.size(), MSG_DONTWAIT) ==
         static_cast<ssize_t>(frame.size());
}

}  // namespace tandem::engine
