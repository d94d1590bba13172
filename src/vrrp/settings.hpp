// SPDX-License-Identifier: Apache-2.0
// What a virtual router is told from outside. Plain values; `daemon` makes them from the
// configuration. Durations are nanoseconds; all ranges are checked by `config`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "wire/signature.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

using RouterId = std::uint16_t;  // a slot: stable for as long as the virtual router exists

struct Tracked {
  std::string name;           // the check or interface, for explanations
  std::uint16_t source = 0;   // index of the tracked thing, as in RouterSet::on_track
  std::optional<int> weight;  // -253..253; nullopt: its failing means Fault
  bool built_in = false;      // nothing that the configuration names

  bool operator==(const Tracked&) const = default;
};

struct AuthKey {
  std::uint8_t id = 0;
  wire::Secret secret{};

  bool operator==(const AuthKey&) const = default;
};

// Signed adverts (draft-cassen-vrrp-auth-hmac).
struct Auth {
  wire::SigningMode mode = wire::SigningMode::enforce;
  std::uint8_t active_key = 0;  // which signs; one of `keys`
  std::vector<AuthKey> keys;
  wire::AntiReplay anti_replay = wire::AntiReplay::time;
  Duration window{};  // AntiReplay::time: how far an advert's time may be from ours

  bool operator==(const Auth&) const = default;
};

struct Settings {
  std::string name;
  std::uint8_t vrid = 1;
  Family family = Family::ipv4;
  std::uint8_t version = 3;
  std::uint8_t priority = 100;  // 255: address owner
  Duration advert_interval = std::chrono::seconds(1);
  // The longest interval that is learned from a peer; none: ten times the own.
  std::optional<Duration> max_learned_interval;
  int down_adverts = 3;  // Active_Down_Interval = down_adverts x interval + Skew_Time
  bool preempt = true;
  Duration preempt_delay{};
  bool starts_handed_over = false;  // it was when an earlier run ended
  Duration startup_delay{};         // from the start, and from link-up
  Duration link_up_delay{};         // from link-up
  // It takes nothing over from an Active that is heard before RouterSet::set_in_sync() says that this
  // node has the Active's flows.
  bool waits_for_flows = false;
  // How long after its start, and after what it tracks or its link came back, it takes nothing over
  // from an Active that is heard before RouterSet::set_backends_up() says that its backends are up.
  Duration backends_patience{};
  wire::AddressList addresses;     // in configured order, as advertised
  wire::AddressList unadvertised;  // held and announced with them; Announce counts them on
  wire::ChecksumForm checksum = wire::ChecksumForm::pseudo_header;
  std::optional<wire::Password> password;
  std::optional<Auth> auth;              // none: adverts are not signed, nor verified
  std::optional<IpAddress> group;        // that adverts go to and come to; none: the standard's
  std::vector<IpAddress> unicast_peers;  // empty: multicast
  bool check_unicast_source = true;
  // Source of our adverts where it is not the interface's own: wins over what add() and
  // on_interface() say.
  std::optional<IpAddress> unicast_source;
  std::vector<Tracked> tracked;
  std::string sync_group;                         // empty: none
  int garp_repeat = 5;                            // announcements of each address at a transition
  Duration garp_delay = std::chrono::seconds(5);  // then garp_repeat more
  Duration garp_refresh = std::chrono::seconds(60);        // 0: never
  Duration garp_interval = std::chrono::milliseconds(10);  // between rounds and refreshes, pacing

  [[nodiscard]] IpAddress multicast_group() const {
    return group.value_or(wire::vrrp_group(family));
  }
  [[nodiscard]] Duration longest_learned_interval() const {
    return max_learned_interval.value_or(10 * advert_interval);
  }
  bool operator==(const Settings&) const = default;
};

// Whether adverts go out in the same rhythm and mean the same time.
[[nodiscard]] bool same_timing(const Settings& a, const Settings& b);
// Whether both hold the same addresses in the same order, advertised or not.
[[nodiscard]] bool same_addresses_held(const Settings& a, const Settings& b);

}  // namespace tandem::vrrp
