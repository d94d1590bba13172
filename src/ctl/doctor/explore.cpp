// SPDX-License-Identifier: Apache-2.0
// The sockets of segment.hpp: one for each interface takes claims and adverts, and sends probes.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "ctl/doctor/claims.hpp"
#include "ctl/doctor/segment.hpp"
#include "wire/frame.hpp"

namespace tandem::doctor {
namespace {

constexpr Duration kBetweenProbes = std::chrono::milliseconds(200);
constexpr std::size_t kLargestFrame = 2048;
constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// A packet socket on one interface, whose frames come and go without their link header.
class Ear {
 public:
  static Result<Ear> open(const std::string& interface, const std::vector<config::Vrrp>& routers) {
    Ear ear;
    ear.interface_ = interface;
    ear.index_ = if_nametoindex(interface.c_str());
    if (ear.index_ == 0) return fail(interface + " does not exist");
    ear.socket_ = Descriptor(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(ear.index_);
    if (!ear.socket_ || bind(ear.socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
      return fail_errno(interface + ": cannot listen");
    for (const auto family : {Family::ipv4, Family::ipv6}) ear.join(wire::vrrp_group(family));
    for (const auto& router : routers)
      if (router.interface == interface) ear.join(router.multicast_group());
    ear.learn_mac();
    return ear;
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] const std::string& interface() const { return interface_; }

  void probe(const IpAddress& address) const {
    if (address.is_v4())
      send(ETH_P_ARP, kBroadcast, arp_probe(mac_, address));
    else
      send(ETH_P_IPV6, wire::multicast_mac(solicited_node(address)), nd_probe(address));
  }

  void take(Segment& segment) const {
    std::array<std::uint8_t, kLargestFrame> frame;
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const auto got = recvfrom(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&from), &length);
    if (got <= 0 || from.sll_pkttype == PACKET_OUTGOING) return;
    const std::span packet(frame.data(), static_cast<std::size_t>(got));
    const auto type = ntohs(from.sll_protocol);
    if (type == ETH_P_ARP)
      take_claim(arp_claim(packet), segment);
    else if (type == ETH_P_IPV6)
      take_claim(nd_claim(packet), segment);
    if (type == ETH_P_IP || type == ETH_P_IPV6) take_advert(packet, segment);
  }

 private:
  void join(const IpAddress& group) const {
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(index_);
    request.mr_type = PACKET_MR_MULTICAST;
    request.mr_alen = ETH_ALEN;
    std::ranges::copy(wire::multicast_mac(group).bytes, request.mr_address);
    setsockopt(socket_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request);
  }

  void learn_mac() {
    ifreq request{};
    interface_.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(socket_.get(), SIOCGIFHWADDR, &request) == 0)
      std::memcpy(mac_.bytes.data(), request.ifr_hwaddr.sa_data, ETH_ALEN);
  }

  void send(std::uint16_t type, const MacAddress& mac,
            std::span<const std::uint8_t> question) const {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(type);
    to.sll_ifindex = static_cast<int>(index_);
    to.sll_halen = ETH_ALEN;
    std::ranges::copy(mac.bytes, to.sll_addr);
    sendto(socket_.get(), question.data(), question.size(), 0,
           reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }

  void take_claim(const std::optional<Claim>& claim, Segment& segment) const {
    if (!claim || claim->mac == mac_) return;
    for (Probed& probed : segment.probed)
      if (probed.interface == interface_ && probed.address == claim->address)
        probed.answers.insert(claim->mac);
  }

  void take_advert(std::span<const std::uint8_t> packet, Segment& segment) const {
    if (auto advert = wire::parse_advert(packet)) segment.heard.push_back({interface_, *advert});
  }

  std::string interface_;
  unsigned index_ = 0;
  MacAddress mac_;
  Descriptor socket_;
};

// Whether sockets on the interface see what is for it: not where its gate reads the tags.
bool is_plain(const config::Interface& interface) {
  return interface.vlan.empty();
}

std::vector<Probed> to_probe(const config::Config& config, const Network& network) {
  std::set<IpAddress> virtual_addresses;
  std::vector<Probed> probed;
  for (const auto& router : config.vrrp)
    for (const auto& address : router.addresses) {
      virtual_addresses.insert(address.prefix.address);
      probed.push_back({router.interface, address.prefix.address, router.name, {}});
    }
  for (const auto& interface : config.interfaces)
    if (const auto it = network.devices.find(interface.name); it != network.devices.end())
      for (const auto& own : it->second.addresses)
        if (!virtual_addresses.contains(own.address))
          probed.push_back({interface.name, own.address, "", {}});
  return probed;
}

void listen(const std::vector<Ear>& ears, MonotonicTime end, Segment& segment) {
  std::vector<pollfd> ready;
  for (const Ear& ear : ears) ready.push_back({ear.fd(), POLLIN, 0});
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - MonotonicClock::now()).count();
    if (left <= 0) return;
    if (poll(ready.data(), ready.size(), static_cast<int>(left)) <= 0) continue;
    for (std::size_t i = 0; i < ears.size(); ++i)
      if ((ready[i].revents & POLLIN) != 0) ears[i].take(segment);
  }
}

void ask(const std::vector<Ear>& ears, const Segment& segment) {
  for (const Probed& probed : segment.probed)
    for (const Ear& ear : ears)
      if (ear.interface() == probed.interface) ear.probe(probed.address);
}

}  // namespace

Segment explore(const config::Config& config, const Network& network, Duration duration) {
  Segment segment;
  std::vector<Ear> ears;
  for (const auto& interface : config.interfaces) {
    const auto device = network.devices.find(interface.name);
    if (!is_plain(interface) || device == network.devices.end() || !device->second.up) continue;
    auto ear = Ear::open(interface.name, config.vrrp);
    if (!ear) {
      segment.troubles.push_back(ear.error().message);
      continue;
    }
    ears.push_back(std::move(*ear));
    const auto bottom = network.devices.find(network.bottom.at(interface.name));
    if (bottom != network.devices.end() && bottom->second.xdp == Attached::nothing)
      segment.listened.insert(interface.name);
  }
  segment.probed = to_probe(config, network);
  std::erase_if(segment.probed, [&](const Probed& probed) {
    return std::ranges::none_of(
        ears, [&](const Ear& ear) { return ear.interface() == probed.interface; });
  });
  const auto end = MonotonicClock::now() + duration;
  ask(ears, segment);
  listen(ears, std::min(end, MonotonicClock::now() + kBetweenProbes), segment);
  ask(ears, segment);
  listen(ears, end, segment);
  return segment;
}

}  // namespace tandem::doctor
