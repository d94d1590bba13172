// SPDX-License-Identifier: Apache-2.0
#include "speaker/vrrp_driver.hpp"

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "base/overloaded.hpp"
#include "vrrp/timers.hpp"

namespace tandem::speaker {
namespace {

constexpr std::size_t kActionsReserved = 16384;  // a sync group of all routers changing state
constexpr int kDropsLoggedPerSecond = 50;

Duration time_of_day() {
  return std::chrono::system_clock::now().time_since_epoch();
}

// What can be told of the sender of a packet that failed to parse.
DroppedAdvert describe(const td_advert& advert, std::uint16_t link, wire::AdvertDrop reason) {
  DroppedAdvert d{link, {}, 0, reason};
  const std::span packet(advert.packet, advert.length);
  if (packet.size() >= 20 && packet[0] >> 4 == 4) {
    d.source = IpAddress::v4(packet.subspan<12, 4>());
    const std::size_t message = (packet[0] & 0x0f) * std::size_t{4};
    if (packet.size() > message + 1) d.vrid = packet[message + 1];
  } else if (packet.size() >= 40 && packet[0] >> 4 == 6) {
    d.source = IpAddress::v6(packet.subspan<8, 16>());
    if (packet.size() > 41) d.vrid = packet[41];
  }
  return d;
}

}  // namespace

VrrpDriver::VrrpDriver(flow::Steering& steering, Emit emit)
    : steering_(steering), emit_(std::move(emit)), endpoints_(TD_MAX_VROUTERS) {
  actions_.reserve(kActionsReserved);
}

// ---- Commands ----------------------------------------------------------------

void VrrpDriver::set_link(std::uint16_t index, VrrpLink& link, MonotonicTime now) {
  std::swap(links_[index], link);
  const VrrpLink& l = links_[index];
  routers_.on_interface(index, l.usable, l.source_v4, l.source_v6, now, actions_);
  const bool came = l.usable && !link.usable;
  if (came || (link.present && link.mac != l.mac))
    for (vrrp::RouterId id = 0; id < endpoints_.size(); id++)
      if (std::ranges::count(endpoints_[id].endpoint.address_links, index) > 0)
        routers_.announce_again(id, now, actions_);
  perform(now);
}

void VrrpDriver::configure(Router& router, const VrrpEndpoint& endpoint,
                           const vrrp::Settings& settings) {
  router.endpoint = endpoint;
  router.advert = {settings.family,   settings.version,         settings.vrid,
                   settings.priority, settings.advert_interval, settings.addresses,
                   settings.password, settings.checksum,        {}};
  if (settings.version == 2) router.advert.checksum = wire::ChecksumForm::message;
  router.unadvertised = settings.unadvertised;
  router.unicast_source = settings.unicast_source;
  router.group = settings.multicast_group();
  if (router.peers != settings.unicast_peers) {
    router.peers = settings.unicast_peers;
    router.peer_macs.assign(router.peers.size(), std::nullopt);
  }
}

void VrrpDriver::add(vrrp::RouterId id, const VrrpEndpoint& endpoint,
                     const vrrp::Settings& settings, MonotonicTime now) {
  endpoints_[id] = {};
  configure(endpoints_[id], endpoint, settings);
  const IpAddress source = source_of(endpoints_[id]);
  const bool usable = links_[endpoint.link].usable && !source.is_unspecified();
  routers_.add(id, endpoint.link, settings, source, usable, now, actions_);
  endpoints_[id].authenticator = routers_.authenticator(id);
  perform(now);
}

void VrrpDriver::update(vrrp::RouterId id, const VrrpEndpoint& endpoint,
                        const vrrp::Settings& settings, MonotonicTime now) {
  configure(endpoints_[id], endpoint, settings);
  routers_.update(id, settings, now, actions_);
  perform(now);
}

void VrrpDriver::remove(vrrp::RouterId id, MonotonicTime now) {
  routers_.remove(id, now, actions_);
  perform(now);
}

void VrrpDriver::set_peer_mac(vrrp::RouterId id, std::size_t peer, std::optional<MacAddress> mac) {
  if (peer < endpoints_[id].peer_macs.size()) endpoints_[id].peer_macs[peer] = mac;
}

void VrrpDriver::on_track(std::uint16_t source, bool up, MonotonicTime now) {
  routers_.on_track(source, up, now, actions_);
  perform(now);
}

bool VrrpDriver::hand_over(vrrp::RouterId id, bool forced, MonotonicTime now) {
  const bool done = routers_.hand_over(id, forced, now, actions_);
  perform(now);
  return done;
}

bool VrrpDriver::back(vrrp::RouterId id, MonotonicTime now) {
  const bool done = routers_.back(id, now, actions_);
  perform(now);
  return done;
}

void VrrpDriver::keep_sockets(vrrp::RouterId id, MonotonicTime until) {
  if (routers_.status(id).state != vrrp::State::active) steering_.keep_sockets(id, until);
}

void VrrpDriver::shut_down(MonotonicTime now) {
  shutting_down_ = true;
  routers_.shut_down(now, actions_);
  perform(now);
}

void VrrpDriver::restate_addresses(vrrp::RouterId id, MonotonicTime now) {
  if (routers_.status(id).state == vrrp::State::active)
    emit(now, vrrp::InstallAddresses{id});
  else
    emit(now, vrrp::RemoveAddresses{id});
}

// ---- Adverts and timers ------------------------------------------------------

std::optional<std::uint16_t> VrrpDriver::link_of(const td_advert& advert) const {
  for (std::uint16_t i = 0; i < kMaxLinks; i++) {
    const VrrpLink& l = links_[i];
    if (l.present && l.device == advert.ifindex && l.vlan[0] == advert.vlan[0] &&
        l.vlan[1] == advert.vlan[1])
      return i;
  }
  return std::nullopt;
}

void VrrpDriver::on_advert(const td_advert& advert, MonotonicTime now) {
  counters_.adverts_received++;
  const auto link = link_of(advert);
  auto received = wire::parse_advert(std::span(advert.packet, advert.length));
  if (!received) return drop(advert, link.value_or(kMaxLinks), received.error(), now);
  if (!link) return drop(advert, kMaxLinks, wire::AdvertDrop::unknown_vrid, now);
  if (received->advert.signature) received->time_of_day = time_of_day();
  const auto reason = routers_.on_advert(*link, *received, now, actions_);
  perform(now);
  if (reason) drop(advert, *link, *reason, now);
}

void VrrpDriver::drop(const td_advert& advert, std::uint16_t link, wire::AdvertDrop reason,
                      MonotonicTime now) {
  counters_.dropped[static_cast<std::size_t>(reason)]++;
  if (now - drop_log_from_ >= std::chrono::seconds(1)) {
    drop_log_from_ = now;
    drop_log_left_ = kDropsLoggedPerSecond;
  }
  if (drop_log_left_ > 0) {
    drop_log_left_--;
    emit_({now, describe(advert, link, reason)});
  }
}

void VrrpDriver::on_time(MonotonicTime now) {
  const MonotonicTime due = routers_.next_deadline();
  if (due > now) return;
  counters_.lateness.record(now - due);
  routers_.on_time(now, actions_);
  perform(now);
}

void VrrpDriver::on_installed(vrrp::RouterId id, MonotonicTime now) {
  routers_.on_installed(id, now, actions_);
  perform(now);
}

void VrrpDriver::watch_control(std::uint64_t beats, MonotonicTime now) {
  if (now < control_.next_look()) return;
  const Duration silent = control_.look(beats, now);
  const bool is_silent = silent >= vrrp::kUnserved;
  const bool was_silent = std::exchange(control_is_silent_, is_silent);
  if (is_silent) {
    if (!was_silent) counters_.control_stalls++;
    counters_.control_stalled = now;
    counters_.longest_control_stall = std::max(counters_.longest_control_stall, silent);
  } else if (!was_silent) {
    return;
  }
  routers_.on_control(is_silent ? silent : Duration{}, now, actions_);
  perform(now);
}

void VrrpDriver::hear_roles(const vrrp::RoleBoard& board, MonotonicTime now) {
  routers_.hear_roles(board, now, actions_);
  perform(now);
}

// ---- Actions -----------------------------------------------------------------

// What became of an advert is known at once, and may ask for more.
void VrrpDriver::perform(MonotonicTime now) {
  for (std::size_t i = 0; i < actions_.size(); i++) perform(vrrp::Action(actions_[i]), now);
  actions_.clear();
  if (shutting_down_ && routers_.idle()) {
    shutting_down_ = false;
    emit(now, AllIdle{});
  }
}

void VrrpDriver::perform(const vrrp::Action& action, MonotonicTime now) {
  std::visit(Overloaded{
                 [&](const vrrp::GrantLease& a) { steering_.grant_lease(a.router, a.deadline); },
                 [&](const vrrp::RevokeLease& a) { steering_.revoke_lease(a.router, now); },
                 [&](const vrrp::SendAdvert& a) {
                   const int error = send_advert(a, now);
                   if (a.priority != vrrp::kResignPriority)
                     routers_.on_sent(a.router, error, now, actions_);
                 },
                 [&](const vrrp::Announce& a) { announce(a); },
                 [&](const auto& for_control) { emit(now, for_control); },
             },
             action);
}

void VrrpDriver::emit(MonotonicTime now, decltype(VrrpEvent::what) what) {
  if (!emit_({now, std::move(what)})) counters_.events_lost++;
}

const IpAddress& VrrpDriver::source_of(const Router& router) const {
  if (router.unicast_source) return *router.unicast_source;
  const VrrpLink& link = links_[router.endpoint.link];
  return router.advert.family == Family::ipv4 ? link.source_v4 : link.source_v6;
}

// A unicast peer whose MAC is still being asked for cannot hear: it says nothing about whether
// adverts leave, or a node whose only peer is dead would never become Active.
int VrrpDriver::send_advert(const vrrp::SendAdvert& action, MonotonicTime now) {
  Router& router = endpoints_[action.router];
  VrrpLink& link = links_[router.endpoint.link];
  if (!link.socket) return ENETDOWN;
  router.advert.priority = action.priority;
  const MacAddress mac = router.endpoint.virtual_mac
                             ? virtual_mac(router.advert.family, router.advert.vrid)
                             : link.mac;
  const wire::Link from{mac, link.vlan};
  if (const IpAddress& source = source_of(router); !source.is_unspecified())
    router.last_source = source;
  router.authenticator->sign(router.advert, router.last_source, time_of_day(), now);
  const auto send = [&](const MacAddress& to_mac, const IpAddress& to) {
    const std::size_t length =
        wire::emit_advert_frame(router.advert, from, to_mac, router.last_source, to, frame_);
    if (length != 0 && link.socket->send(std::span(frame_).first(length))) return 0;
    counters_.send_errors++;
    return length == 0 || errno == 0 ? EINVAL : errno;
  };
  if (router.peers.empty()) return send(wire::multicast_mac(router.group), router.group);
  int error = 0;
  bool left = false;
  for (std::size_t i = 0; i < router.peers.size(); i++) {
    if (!router.peer_macs[i]) {
      counters_.send_errors++;
    } else if (const int failed = send(*router.peer_macs[i], router.peers[i]); failed != 0) {
      error = failed;
    } else {
      left = true;
    }
  }
  return left ? 0 : error;
}

void VrrpDriver::announce(const vrrp::Announce& action) {
  Router& router = endpoints_[action.router];
  const auto& advertised = router.advert.addresses;
  const std::size_t total = advertised.size() + router.unadvertised.size();
  if (action.address >= total) return;
  VrrpLink& link = links_[router.endpoint.address_links[action.address]];
  if (!link.socket) return;
  const IpAddress& address = action.address < advertised.size()
                                 ? advertised[action.address]
                                 : router.unadvertised[action.address - advertised.size()];
  const MacAddress owner = router.endpoint.virtual_mac
                               ? virtual_mac(router.advert.family, router.advert.vrid)
                               : link.mac;
  const wire::Link from{owner, link.vlan};
  const std::size_t length = address.is_v4() ? wire::emit_garp_frame(from, owner, address, frame_)
                                             : wire::emit_na_frame(from, owner, address, frame_);
  if (length == 0 || !link.socket->send(std::span(frame_).first(length))) counters_.send_errors++;
}

}  // namespace tandem::speaker
