// SPDX-License-Identifier: Apache-2.0
#include "vrrp/receive_checks.hpp"

#include <algorithm>

namespace tandem::vrrp {
namespace {

// A unicast virtual router takes adverts from its peers only. As keepalived does, unicast adverts
// are not for a multicast virtual router, nor the other way round: the group's traffic on the same
// network belongs to somebody else with the same VRID.
bool from_peer(const Settings& settings, const wire::ReceivedAdvert& received) {
  const bool unicast = !settings.unicast_peers.empty();
  if (received.destination.is_multicast() == unicast) return false;
  return !unicast || !settings.check_unicast_source ||
         std::ranges::find(settings.unicast_peers, received.source) != settings.unicast_peers.end();
}

// RFC 9568, 7.1, asks for a hop limit of 255, which proves that a sender is on the link. Where every
// advert proves who sent it, peers may be behind routers.
bool may_have_come_so_far(const Settings& settings, const wire::ReceivedAdvert& received) {
  if (received.hop_limit == wire::kVrrpTtl) return true;
  return !received.destination.is_multicast() && settings.auth &&
         settings.auth->mode == wire::SigningMode::enforce;
}

}  // namespace

std::optional<wire::AdvertDrop> judge(const Settings& settings, const IpAddress& own,
                                      const wire::ReceivedAdvert& received,
                                      Authenticator& authenticator, MonotonicTime now) {
  using wire::AdvertDrop;
  const wire::Advert& advert = received.advert;
  if (received.source == own) return AdvertDrop::own;
  if (received.destination.is_multicast() && received.destination != settings.multicast_group())
    return AdvertDrop::not_vrrp;  // VRIDs of another group are others
  if (advert.version != settings.version) return AdvertDrop::version;
  if (!from_peer(settings, received)) return AdvertDrop::not_a_peer;
  if (!may_have_come_so_far(settings, received)) return AdvertDrop::ttl;
  if (const auto drop = authenticator.judge(received, now)) return drop;
  // The codec drops these as well; here they are what keeps a forged advert from making us Active.
  if (advert.addresses.empty()) return AdvertDrop::count_zero;
  if (advert.interval <= Duration::zero()) return AdvertDrop::interval_zero;
  if (advert.version == 2) {
    // RFC 3768, 7.1: both MUST match. In version 3 the interval is learned, and there is no
    // authentication.
    if (advert.password != settings.password) return AdvertDrop::authentication;
    if (advert.interval != settings.advert_interval) return AdvertDrop::interval_mismatch;
  }
  return std::nullopt;
}

bool same_addresses(const wire::AddressList& a, const wire::AddressList& b) {
  return a == b || (a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin()));
}

}  // namespace tandem::vrrp
