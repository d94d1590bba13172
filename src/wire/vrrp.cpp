// SPDX-License-Identifier: Apache-2.0
#include "wire/vrrp.hpp"

namespace tandem::wire {

const char* to_string(AdvertDrop reason) noexcept {
  switch (reason) {
    case AdvertDrop::truncated:
      return "truncated";
    case AdvertDrop::ttl:
      return "ttl";
    case AdvertDrop::version:
      return "version";
    case AdvertDrop::type:
      return "type";
    case AdvertDrop::count_zero:
      return "count_zero";
    case AdvertDrop::interval_zero:
      return "interval_zero";
    case AdvertDrop::checksum:
      return "checksum";
    case AdvertDrop::unknown_vrid:
      return "unknown_vrid";
    case AdvertDrop::not_link_local:
      return "not_link_local";
    case AdvertDrop::authentication:
      return "authentication";
    case AdvertDrop::interval_mismatch:
      return "interval_mismatch";
    case AdvertDrop::not_a_peer:
      return "not_a_peer";
    case AdvertDrop::own:
      return "own";
    case AdvertDrop::not_vrrp:
      return "not_vrrp";
    case AdvertDrop::not_signed:
      return "unsigned";
    case AdvertDrop::unknown_key:
      return "unknown_key";
    case AdvertDrop::bad_signature:
      return "bad_signature";
    case AdvertDrop::stale:
      return "stale";
    case AdvertDrop::replay:
      return "replay";
  }
  return "unknown";
}

IpAddress vrrp_group(Family family) noexcept {
  static constexpr std::array<std::uint8_t, 4> kGroupV4{224, 0, 0, 18};
  static constexpr std::array<std::uint8_t, 16> kGroupV6{0xff, 0x02, 0, 0, 0, 0, 0, 0,
                                                         0,    0,    0, 0, 0, 0, 0, 0x12};
  return family == Family::ipv4 ? IpAddress::v4(kGroupV4) : IpAddress::v6(kGroupV6);
}

}  // namespace tandem::wire
