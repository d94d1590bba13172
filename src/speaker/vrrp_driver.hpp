// SPDX-License-Identifier: Apache-2.0
// Carries out what the VRRP state machine wants: leases into the steering tables, frames onto the
// wire, the rest to the control thread as events. Everything here runs on the VRRP thread; what
// it calls for an advert neither blocks nor allocates.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/histogram.hpp"
#include "base/time.hpp"
#include "engine/packet_socket.hpp"
#include "flow/steering.hpp"
#include "tandem/abi.h"
#include "vrrp/authenticator.hpp"
#include "vrrp/heartbeat.hpp"
#include "vrrp/router_set.hpp"
#include "wire/frame.hpp"

namespace tandem::speaker {

// Where virtual routers live: one (device, VLAN tags).
struct VrrpLink {
  bool present = false;      // the device exists and the socket is open
  bool usable = false;       // up, with a source address of some family
  std::uint32_t device = 0;  // ifindex that frames come in on and leave by
  wire::VlanTags vlan{};
  MacAddress mac;
  IpAddress source_v4;  // unspecified: none
  IpAddress source_v6;
  std::optional<engine::PacketSocket> socket;
};

// How one virtual router's frames look.
struct VrrpEndpoint {
  std::uint16_t link = 0;
  bool virtual_mac = false;
  std::vector<std::uint16_t> address_links{};  // where each address is, and so is announced
};

struct DroppedAdvert {
  std::uint16_t link;
  IpAddress source;  // unspecified, vrid 0: the packet did not parse that far
  std::uint8_t vrid;
  wire::AdvertDrop reason;
};
struct AllIdle {};  // after shut_down(): no lease is held any more

struct VrrpEvent {
  MonotonicTime at;
  std::variant<vrrp::InstallAddresses, vrrp::RemoveAddresses, vrrp::Transition, vrrp::Notice,
               DroppedAdvert, AllIdle>
      what;
};

struct DriverCounters {
  std::uint64_t adverts_received = 0;
  std::array<std::uint64_t, wire::kAdvertDrops> dropped{};  // by AdvertDrop, of all routers
  std::uint64_t send_errors = 0;
  std::uint64_t events_lost = 0;     // the control thread did not keep up
  std::uint64_t control_stalls = 0;  // how often it stood still
  Duration longest_control_stall{};
  MonotonicTime control_stalled{};  // when it last did
  Histogram lateness;               // of timers: how long after its deadline each was served
};

inline constexpr std::size_t kMaxLinks = 256;  // [[interface]] blocks, as `config` allows

class VrrpDriver {
 public:
  // emit: takes an event without blocking; false if there is no room. An event that matters is
  // then counted as lost, and the control thread reconciles from a snapshot.
  using Emit = std::function<bool(const VrrpEvent&)>;

  VrrpDriver(flow::Steering& steering, Emit emit);

  // Commands of the control thread, run between events.
  // Takes `link` and leaves the one before in it: to close a packet socket waits for the kernel,
  // which is for the control thread to do.
  void set_link(std::uint16_t index, VrrpLink& link, MonotonicTime now);
  void add(vrrp::RouterId id, const VrrpEndpoint& endpoint, const vrrp::Settings& settings,
           MonotonicTime now);
  void update(vrrp::RouterId id, const VrrpEndpoint& endpoint, const vrrp::Settings& settings,
              MonotonicTime now);
  void remove(vrrp::RouterId id, MonotonicTime now);
  void set_peer_mac(vrrp::RouterId id, std::size_t peer, std::optional<MacAddress> mac);
  void on_track(std::uint16_t source, bool up, MonotonicTime now);
  bool hand_over(vrrp::RouterId id, bool forced, MonotonicTime now);
  bool back(vrrp::RouterId id, MonotonicTime now);
  void on_installed(vrrp::RouterId id, MonotonicTime now);
  void set_backends_up(vrrp::RouterId id, bool up) { routers_.set_backends_up(id, up); }
  void set_in_sync(vrrp::RouterId id, bool in_sync) { routers_.set_in_sync(id, in_sync); }
  // While it is not Active: until then sockets of its addresses go on here.
  void keep_sockets(vrrp::RouterId id, MonotonicTime until);
  void shut_down(MonotonicTime now);
  // Emits again whether the kernel is to have the router's addresses, in order with other events.
  void restate_addresses(vrrp::RouterId id, MonotonicTime now);

  // An advert from the ring, then, when none are left, the timers.
  void on_advert(const td_advert& advert, MonotonicTime now);
  void on_time(MonotonicTime now);

  // How often the control thread has shown that it runs; 0: not yet.
  void watch_control(std::uint64_t beats, MonotonicTime now);

  // What the other node said over the sync links; and what it is to be told.
  void hear_roles(const vrrp::RoleBoard& board, MonotonicTime now);
  void tell_roles(vrrp::RoleBoard& board) const { routers_.tell_roles(board); }

  [[nodiscard]] MonotonicTime next_deadline() const {
    return std::min(routers_.next_deadline(), control_.next_look());
  }
  [[nodiscard]] const vrrp::RouterSet& routers() const { return routers_; }
  [[nodiscard]] const DriverCounters& counters() const { return counters_; }

 private:
  struct Router {
    VrrpEndpoint endpoint;
    wire::Advert advert;  // all but the priority and the signature stays as it is
    std::shared_ptr<vrrp::Authenticator> authenticator;
    wire::AddressList unadvertised;
    std::optional<IpAddress> unicast_source;
    IpAddress last_source{};  // of the last advert: still there for a farewell
    IpAddress group{};
    std::vector<IpAddress> peers;
    std::vector<std::optional<MacAddress>> peer_macs;
  };

  void perform(MonotonicTime now);
  void perform(const vrrp::Action& action, MonotonicTime now);
  // 0: it left, to one peer at least; else errno.
  [[nodiscard]] int send_advert(const vrrp::SendAdvert& action, MonotonicTime now);
  void announce(const vrrp::Announce& action);
  void emit(MonotonicTime now, decltype(VrrpEvent::what) what);
  void drop(const td_advert& advert, std::uint16_t link, wire::AdvertDrop reason,
            MonotonicTime now);
  [[nodiscard]] std::optional<std::uint16_t> link_of(const td_advert& advert) const;
  [[nodiscard]] const IpAddress& source_of(const Router& router) const;
  void configure(Router& router, const VrrpEndpoint& endpoint, const vrrp::Settings& settings);

  flow::Steering& steering_;
  Emit emit_;
  vrrp::RouterSet routers_;
  vrrp::Actions actions_;
  std::array<VrrpLink, kMaxLinks> links_;
  std::vector<Router> endpoints_;  // by RouterId
  std::array<std::uint8_t, wire::kMaxFrame> frame_{};
  DriverCounters counters_;
  vrrp::Heartbeat control_;
  bool control_is_silent_ = false;
  bool shutting_down_ = false;
  MonotonicTime drop_log_from_{};  // start of the current second of the log of dropped adverts
  int drop_log_left_ = 0;
};

}  // namespace tandem::speaker
