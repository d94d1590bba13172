// SPDX-License-Identifier: Apache-2.0
// One virtual router: the state machine of RFC 9568, 6.4 (version 2: RFC 3768, 6.4), with
// keepalived's Fault, a lease on the addresses, and a planned handover.
//
// Theory of operation. Every event first has its time compared with the lease (check_lease): an
// Active whose lease ended did not run for as long as a peer waits, so a peer may be Active by
// now; it becomes Backup without a word. Then one switch on the state handles the event.
//
// As Backup, silence counts only while the process listens. Active_Down_Timer is divided by
// listening marks, one Active_Adver_Interval apart. To reach a mark later than stall_limit() means
// that adverts may have been lost or are still unread: the timer starts afresh. A Backup late by
// less than that takes over. So a stall that swallows more than two intervals is always noticed,
// and a shorter one leaves at least one whole interval of real silence.
//
// Handing over (only while Active): a last advert renewed the lease, priority 0 was sent, adverts
// have ended. Lease and addresses stay until the peer's advert arrives, or the lease ends.
//
// In a sync group Active_Down_Timer does not make the router Active; it is then `waiting` and the
// group decides (sync_group.hpp).
//
// What a caller must keep: check_lease() before any other event of the same instant, review()
// after anything that may have changed faulty().
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "vrrp/announcer.hpp"
#include "vrrp/event.hpp"
#include "vrrp/priority.hpp"
#include "vrrp/settings.hpp"
#include "vrrp/status.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

class SyncGroup;

class VirtualRouter {
 public:
  VirtualRouter(RouterId id, std::uint16_t interface, const Settings& settings,
                const IpAddress& link_source, bool link_usable, Failing failing);

  // ---- events
  // Initialize -> Backup, Active (owner) or Fault. group_fault: another member is faulty.
  void start(bool group_fault, Event& event);
  void check_lease(Event& event);
  // Counts the advert, judges it, and if it is good lets the state handle it.
  std::optional<wire::AdvertDrop> on_advert(const wire::ReceivedAdvert& received, Event& event);
  void on_time(Event& event);         // Adver_Timer, Active_Down_Timer, listening marks
  void announce(Event& event);        // announcements that are due
  void announce_again(Event& event);  // a burst out of turn
  void on_interface(bool usable, const IpAddress& source);  // of the interface
  void on_track(std::uint16_t source, bool up, Event& event);
  // VRID, family and version stay the same.
  void update(const Settings& settings, Failing failing, Event& event);
  // Enters or leaves Fault, as this router's and the group's health ask for.
  void review(bool group_fault, Event& event);
  void hand_over(Event& event);
  void take_back(MonotonicTime now);  // may preempt again, with no delay
  void shut_down(Event& event);
  void resign(Cause cause, Event& event);  // to Initialize, at once

  // ---- sync group
  void set_group(SyncGroup* group) {  // nullptr: none
    group_ = group;
    waiting_ = false;
  }
  [[nodiscard]] SyncGroup* group() const { return group_; }
  void take_over(Cause cause, Event& event);  // Backup -> Active
  void step_down(Event& event);               // Active -> Backup, with priority 0
  // Not Active before Active_Down_Interval and one more interval are over.
  void hold(MonotonicTime now);
  [[nodiscard]] bool waiting() const { return waiting_; }  // would be Active, but for the group
  [[nodiscard]] bool may_follow(MonotonicTime now) const {
    return now >= startup_until_ && now >= hold_until_;
  }
  [[nodiscard]] Cause takeover_cause() const { return takeover_cause_; }

  // ---- what it is
  [[nodiscard]] RouterId id() const { return status_.id; }
  [[nodiscard]] std::uint16_t interface() const { return interface_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const IpAddress& source() const {
    return settings_.unicast_source ? *settings_.unicast_source : link_source_;
  }
  [[nodiscard]] const IpAddress& peer() const { return status_.peer; }
  [[nodiscard]] State state() const { return status_.state; }
  [[nodiscard]] Cause cause() const { return status_.cause; }
  [[nodiscard]] bool link_usable() const { return link_usable_; }
  [[nodiscard]] const IpAddress& link_source() const { return link_source_; }
  // A link without an address to send from is of no use.
  [[nodiscard]] bool usable() const { return link_usable_ && !source().is_unspecified(); }
  [[nodiscard]] Cause fault_cause() const;
  [[nodiscard]] bool faulty() const { return !usable() || tracked_fault(settings_, failing_); }
  [[nodiscard]] bool handing_over() const { return handing_over_; }
  [[nodiscard]] bool leased() const { return status_.lease_deadline != MonotonicTime{}; }
  [[nodiscard]] MonotonicTime deadline() const;
  [[nodiscard]] Status status() const;
  [[nodiscard]] std::string explain() const { return explain_priority(settings_, failing_); }

 private:
  // virtual_router.cpp: events
  void start_election(Cause cause, Event& event);
  void advert_as_backup(const wire::ReceivedAdvert& received, Event& event);
  void advert_as_active(const wire::ReceivedAdvert& received, Event& event);
  void peer_resigned(Event& event);
  void time_as_backup(Event& event);
  void time_as_active(Event& event);
  void refresh_priority(Event& event);
  // virtual_router_moves.cpp: what events are made of
  void count(const wire::ReceivedAdvert& received, MonotonicTime now);
  void learn_interval(const wire::Advert& advert);
  void arm_active_down(Duration delay, Cause cause, MonotonicTime now);
  void accept_active(const wire::Advert& advert, Event& event);
  [[nodiscard]] bool preempts(MonotonicTime now);
  [[nodiscard]] bool is_superior(const wire::ReceivedAdvert& received) const;
  void send_advert(Event& event);
  void assert_active(Event& event);
  void become_active(Cause cause, Event& event);
  void leave_active(State to, Cause cause, bool say_so, Event& event);
  void finish_handover(Event& event);
  void take_installed_off(Event& event);
  void transition(State to, Cause cause, Event& event);
  [[nodiscard]] bool is_owner() const { return settings_.priority == kOwnerPriority; }
  [[nodiscard]] Duration active_down() const;
  [[nodiscard]] Duration skew() const;

  Settings settings_;
  std::uint16_t interface_;
  bool link_usable_;
  IpAddress link_source_;
  SyncGroup* group_ = nullptr;
  Failing failing_;

  Status status_;  // state, priority, peer, counters; the rest is filled in by status()
  MonotonicTime timer_ = kNever;              // Active: Adver_Timer; Backup: Active_Down_Timer
  MonotonicTime listen_ = kNever;             // Backup: the next listening mark, at most timer_
  Cause takeover_cause_ = Cause::down_timer;  // Backup: what the timer's firing will mean
  bool waiting_ = false;                      // Backup: it fired, the sync group has not agreed
  bool installed_early_ = false;  // Backup: the peer resigned, our kernel has the addresses
  MonotonicTime startup_until_{};
  MonotonicTime hold_until_{};
  MonotonicTime preempt_after_ = kNever;  // end of preempt_delay; never: not begun

  bool handing_over_ = false;                      // Active: resigned, and waits for the peer
  bool stopping_ = false;                          // ends in Initialize
  MonotonicTime asserted_ = MonotonicTime::min();  // last advert out of turn
  MonotonicTime lowest_peer_seen_{};
  Announcer announcer_;
};

}  // namespace tandem::vrrp
