// SPDX-License-Identifier: Apache-2.0
#include "vrrp/status.hpp"

#include <algorithm>
#include <chrono>

#include "vrrp/priority.hpp"
#include "vrrp/receive_checks.hpp"

namespace tandem::vrrp {
namespace {

// How long a peer's low priority is remembered as "lately".
constexpr Duration kLately = std::chrono::seconds(60);

}  // namespace

void Status::count(const wire::ReceivedAdvert& received, const Settings& settings,
                   MonotonicTime now) {
  const wire::Advert& advert = received.advert;
  ++adverts_received;
  ++adverts_by_checksum[static_cast<std::size_t>(advert.checksum)];
  if (advert.interval != settings.advert_interval) ++interval_mismatches;
  addresses_differ = !same_addresses(advert.addresses, settings.addresses);
  if (addresses_differ) ++address_mismatches;
  if (peer != received.source) highest_peer_priority = 0;
  highest_peer_priority = std::max(highest_peer_priority, advert.priority);
  peer = received.source;
  peer_priority = advert.priority;
  peer_seen = now;
  peer_checksum = advert.checksum;
  peer_key.reset();
  if (const auto& signature = advert.signature) {
    ++adverts_signed;
    peer_key = signature->key;
    peer_clock = wire::later_by(signature->sequence, wire::sequence_at(received.time_of_day));
  }
  if (advert.priority == kResignPriority) return;
  const bool forgotten = now - lowest_peer_seen > kLately;
  if (lowest_peer_priority == 0 || forgotten || advert.priority <= lowest_peer_priority) {
    lowest_peer_priority = advert.priority;
    lowest_peer_seen = now;
  }
}

void Status::count_drop(wire::AdvertDrop reason, const IpAddress& source, MonotonicTime now) {
  const auto i = static_cast<std::size_t>(reason);
  ++dropped[i];
  last_dropped[i] = {source, now};
}

}  // namespace tandem::vrrp
