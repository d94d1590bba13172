// SPDX-License-Identifier: Apache-2.0
// All virtual routers of this node: finds the one that an advert is for, moves sync groups together,
// and tells the next deadline.
// Pure: time is an argument, everything to be done is appended to `out`. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "vrrp/action.hpp"
#include "vrrp/input.hpp"
#include "vrrp/priority.hpp"
#include "vrrp/role.hpp"
#include "vrrp/settings.hpp"
#include "vrrp/status.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

class Authenticator;
class SyncGroup;
class VirtualRouter;
struct Event;

class RouterSet {
 public:
  RouterSet();
  RouterSet(RouterSet&&) noexcept;
  RouterSet& operator=(RouterSet&&) noexcept;
  ~RouterSet();

  // `interface` is the caller's number for (device, VLAN tags) that the router lives on; `source`
  // is the address our own adverts carry. Starts the virtual router (RFC 9568, 6.4.1). `usable` is
  // whether the interface is usable (up, with a source address); if not, it starts in Fault.
  void add(RouterId id, std::uint16_t interface, const Settings& settings, const IpAddress& source,
           bool usable, MonotonicTime now, Actions& out);
  // Applies changed settings without leaving the state where the change allows it: an Active
  // stays Active and its advert timer keeps its rhythm. Equal settings: nothing happens at all.
  // Another VRID, family or version is another virtual router: it is removed and added.
  void update(RouterId id, const Settings& settings, MonotonicTime now, Actions& out);
  // Resigns if Active, then forgets it.
  void remove(RouterId id, MonotonicTime now, Actions& out);

  // The interface came or went, or its primary / link-local address changed.
  void on_interface(std::uint16_t interface, bool usable, const IpAddress& source_v4,
                    const IpAddress& source_v6, MonotonicTime now, Actions& out);
  // The addresses are at another MAC address from here on: an Active tells the neighbours.
  void announce_again(RouterId id, MonotonicTime now, Actions& out);
  // A tracked thing (Tracked::source) passed or failed.
  void on_track(std::uint16_t source, bool up, MonotonicTime now, Actions& out);
  // An advert as parsed from a packet that came in on `interface`. Returns why it was dropped,
  // if it was. RFC 9568, 7.1.
  std::optional<wire::AdvertDrop> on_advert(std::uint16_t interface,
                                            const wire::ReceivedAdvert& received, MonotonicTime now,
                                            Actions& out);
  // What became of an advert that SendAdvert asked for: 0, it left, else errno. To be said before
  // the next event; where it is not, the advert left.
  void on_sent(RouterId id, int error, MonotonicTime now, Actions& out);
  // Lets every timer that is due fire.
  void on_time(MonotonicTime now, Actions& out);
  // Planned handover of an Active and its sync group: it resigns, but answers until the peer's
  // advert arrives, and does not preempt until back(), or until the peer falls silent or fails. If
  // no peer takes the addresses, or only one that fails, it stays Active, unless it was forced.
  // Status::handover tells what became of it. false: it is not Active.
  bool hand_over(RouterId id, bool forced, MonotonicTime now, Actions& out);
  // Takes a handover back, or calls it off. false: it was not handed over.
  bool back(RouterId id, MonotonicTime now, Actions& out);
  // For Settings::waits_for_flows: whether this node has the flows of an Active elsewhere.
  void set_in_sync(RouterId id, bool in_sync);
  // How long the control thread has stood still, time and again while it does, and once 0 when it
  // runs again.
  void on_control(Duration silent, MonotonicTime now, Actions& out);
  // It has given the kernel the router's addresses.
  void on_installed(RouterId id, MonotonicTime now, Actions& out);
  // What the other node says of its virtual router of the same name, over the sync links.
  void on_peer_role(RouterId id, const PeerRole& peer, MonotonicTime now, Actions& out);
  // The same for all of which it has said something since the last call.
  void hear_roles(const RoleBoard& board, MonotonicTime now, Actions& out);
  // For Settings::backends_patience.
  void set_backends_up(RouterId id, bool up);
  // All resign. Call on_time/on_advert until idle() or a patience of the caller's ends.
  void shut_down(MonotonicTime now, Actions& out);
  [[nodiscard]] bool idle() const;  // no virtual router holds a lease

  [[nodiscard]] MonotonicTime next_deadline() const;
  [[nodiscard]] Status status(RouterId id) const;  // of an unknown one: all defaults
  // That signs its adverts; nullptr: there is no such virtual router.
  [[nodiscard]] std::shared_ptr<Authenticator> authenticator(RouterId id) const;
  // Writes down what the other node is to be told of each.
  void tell_roles(RoleBoard& board) const;

 private:
  [[nodiscard]] VirtualRouter* find(RouterId id) const;
  [[nodiscard]] Failing failing(const Settings& settings) const;
  void join_group(VirtualRouter& router);
  void leave_group(VirtualRouter& router, Event& event);
  void handle(VirtualRouter& router, const Input& input, Event& event);
  static void stay_together(const VirtualRouter& router, Event& event);
  void handle_all(VirtualRouter& router, const Input& input, Event& event);
  void follow(VirtualRouter& router, State before, Event& event);
  void fire(VirtualRouter& router, Event& event);
  void review(VirtualRouter& router, Event& event);
  void note_deadlines(const VirtualRouter& router);

  std::vector<std::unique_ptr<VirtualRouter>> routers_;  // by RouterId, with holes
  std::vector<MonotonicTime> deadlines_;                 // by RouterId: what a scan reads
  std::vector<MonotonicTime> peers_heard_;               // by RouterId: PeerRole::as_of
  std::unordered_map<std::uint32_t, RouterId> index_;    // by interface, family and VRID
  std::vector<std::unique_ptr<SyncGroup>> groups_;
  std::vector<bool> source_fails_;  // by Tracked::source
};

}  // namespace tandem::vrrp
