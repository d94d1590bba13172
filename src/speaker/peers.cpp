// SPDX-License-Identifier: Apache-2.0
#include "speaker/peers.hpp"

namespace tandem::speaker {

Result<std::unique_ptr<Peers>> Peers::open(boost::asio::io_context& loop, VrrpCommands& vrrp) {
  auto next_hops = netlink::NextHops::open();
  if (!next_hops) return std::unexpected(next_hops.error());
  return std::unique_ptr<Peers>(new Peers(loop, vrrp, std::move(*next_hops)));
}

Peers::Peers(boost::asio::io_context& loop, VrrpCommands& vrrp, netlink::NextHops next_hops)
    : vrrp_(vrrp), next_hops_(std::move(next_hops)), due_(loop, [this] {
        next_hops_.on_time(MonotonicClock::now());
        due_.set(next_hops_.next_deadline());
      }) {
  next_hops_.on_change([this](const netlink::Destination& changed) {
    for (const auto& peer : peers_)
      if (peer.destination == changed) tell(peer);
  });
  readable_ = std::make_unique<ReadWatch>(loop, next_hops_.fd(), [this] {
    next_hops_.process(MonotonicClock::now());
    due_.set(next_hops_.next_deadline());
  });
}

void Peers::apply(const std::vector<PlannedRouter>& routers, const Interfaces& interfaces) {
  peers_.clear();
  std::vector<netlink::Destination> destinations;
  for (const auto& r : routers) {
    const auto* interface = interfaces.find(r.config.interface);
    for (std::size_t i = 0; i < r.settings.unicast_peers.size(); i++) {
      const IpAddress& address = r.settings.unicast_peers[i];
      const bool local = address.is_link_local() && interface != nullptr;
      destinations.push_back({address, local ? interface->host : 0});
      peers_.push_back({r.id, i, destinations.back()});
    }
  }
  next_hops_.watch(destinations, MonotonicClock::now());
  due_.set(next_hops_.next_deadline());
  for (const auto& peer : peers_) tell(peer);
}

void Peers::tell(const Peer& peer) const {
  std::optional<MacAddress> mac;
  if (const auto hop = next_hops_.lookup(peer.destination)) mac = hop->mac;
  vrrp_.post([peer, mac](VrrpDriver& driver, MonotonicTime) {
    driver.set_peer_mac(peer.router, peer.index, mac);
  });
}

std::vector<std::string> Peers::troubles(vrrp::RouterId router) const {
  std::vector<std::string> sentences;
  for (const auto& peer : peers_)
    if (peer.router == router)
      if (const auto why = next_hops_.why_unresolved(peer.destination); !why.empty())
        sentences.push_back("no advert can be sent to " + peer.destination.address.to_string() +
                            ": " + why);
  return sentences;
}

}  // namespace tandem::speaker
