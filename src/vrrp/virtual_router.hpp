// SPDX-License-Identifier: Apache-2.0
// One virtual router: the state machine of RFC 9568, 6.4 (version 2: RFC 3768, 6.4), with
// keepalived's Fault, a lease on the addresses, and a planned handover.
//
// Theory of operation. handle() is the whole machine: a table of state and input. What its rows do
// is in virtual_router_backup.cpp, _active.cpp and _handover.cpp. Before the input it compares the time
// with the lease (check_lease): an Active whose lease ended did not run for as long as a peer waits,
// so a peer may be Active by now; it becomes Backup without sending priority 0.
//
// An advert that could not leave renews nothing: the lease goes back to what the last one said that
// left. If none leaves for a whole lease the router becomes Backup, for the peers wait no longer.
// From then on it is `blocked`: before it becomes Active again it sends one advert as a probe.
//
// An Active that yields to a better one sends a last advert of its own: the better one may not have
// heard that there was another, whose announcements it has to undo. It says so twice more within the
// interval, since single adverts get lost; then it is silent.
//
// As Backup, silence counts while the process listens. Active_Down_Timer is divided by listening
// marks, one Active_Adver_Interval apart. To reach a mark later than stall_limit() means that the
// process stalled: adverts may have been lost. The timer starts afresh then, but only once in a
// silence: a node that runs in slices would never take over. From the second stall on it goes on,
// since the caller has read what waited in the ring before it lets a timer fire. But no takeover comes
// straight out of a stall: it comes kSettleTime later, when the kernel has delivered what waited in
// its queues. So a Backup that stalls takes over within twice Active_Down_Interval
// and the length of two stalls. An Active whose lease a stall ended has begun anew thereby.
//
// Handing over (only while Active): a last advert tells the peers to wait for a whole lease, then
// priority 0 is sent, and adverts end. The addresses stay until the peer's advert arrives, on a
// lease that is short and renewed: whoever kills this process meanwhile leaves no second one that
// answers. If the time of that last advert passes and nobody took them, or only a peer whose
// priority says that it fails, the router stays Active, unless it was forced or is to stop.
//
// The control thread gives the kernel the addresses, without which nobody answers ARP, and hears of
// checks. While it stands still a Backup takes nothing over, an Active whose addresses it had not
// given the kernel resigns, and one that has them hands over, and stays if nobody takes them.
//
// Adverts may be lost although the peer lives. If it has just said over the sync links that it is
// Active and well, silence alone does not take its addresses for down_adverts more intervals
// (is_held_back). Then it does: a sync link is no proof that the peer is reached. Of a peer that dies
// nothing is heard there for as long as of adverts, so that no takeover after a crash comes later, and
// a resignation, or a word of the peer that it does not serve, ends the wait at once.
//
// In a sync group Active_Down_Timer does not make the router Active; it is then `waiting` and the
// group decides (sync_group.hpp).
//
// What a caller must keep: input::Review after anything that may have changed faulty().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/time.hpp"
#include "vrrp/authenticator.hpp"
#include "vrrp/event.hpp"
#include "vrrp/input.hpp"
#include "vrrp/phase.hpp"
#include "vrrp/priority.hpp"
#include "vrrp/settings.hpp"
#include "vrrp/status.hpp"
#include "vrrp/timers.hpp"
#include "wire/vrrp.hpp"

namespace tandem::vrrp {

class SyncGroup;

class VirtualRouter {
 public:
  VirtualRouter(RouterId id, std::uint16_t interface, const Settings& settings,
                const IpAddress& link_source, bool link_usable, Failing failing);

  void handle(const Input& input, Event& event);
  // Applies the receive checks, counts, and handles the advert if it is good.
  // Returns why it was dropped, if it was.
  std::optional<wire::AdvertDrop> hear(const wire::ReceivedAdvert& received, Event& event);
  // The interface came or went, or its address changed. Review follows.
  void on_interface(bool usable, const IpAddress& source);
  void set_group(SyncGroup* group);  // nullptr: none
  // For Settings::backends_patience.
  void set_backends_up(bool up) { backends_up_ = up; }
  // For Settings::waits_for_flows: whether this node has the flows of an Active elsewhere.
  void set_in_sync(bool in_sync) { in_sync_ = in_sync; }

  // ---- what it is
  [[nodiscard]] RouterId id() const { return status_.id; }
  [[nodiscard]] std::uint16_t interface() const { return interface_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] SyncGroup* group() const { return group_; }
  [[nodiscard]] const IpAddress& source() const {
    return settings_.unicast_source ? *settings_.unicast_source : link_source_;
  }
  [[nodiscard]] const IpAddress& peer() const { return status_.peer; }
  // Shared with who sends its adverts: the last one may leave when the virtual router is gone.
  [[nodiscard]] const std::shared_ptr<Authenticator>& authenticator() const {
    return authenticator_;
  }
  [[nodiscard]] State state() const { return static_cast<State>(phase_.index()); }
  [[nodiscard]] Cause cause() const { return status_.cause; }
  [[nodiscard]] bool link_usable() const { return link_usable_; }
  [[nodiscard]] const IpAddress& link_source() const { return link_source_; }
  [[nodiscard]] bool faulty() const { return !usable() || tracked_fault(settings_, failing_); }
  [[nodiscard]] bool handing_over() const;
  [[nodiscard]] bool is_served() const { return silent_ < kUnserved; }  // by the control thread
  [[nodiscard]] bool handed_over() const { return status_.handed_over; }
  // What the other node is to be told, and until when it answers.
  [[nodiscard]] Role role() const;
  [[nodiscard]] MonotonicTime lease() const;
  // Would be Active, but for the group: then why.
  [[nodiscard]] std::optional<Cause> waiting() const;
  // The last advert could not leave: Probe comes before TakeOver.
  [[nodiscard]] bool blocked() const { return status_.send_error != 0; }
  // No delay keeps this router in Backup now.
  [[nodiscard]] bool may_follow(MonotonicTime now) const {
    return now >= startup_until_ && now >= hold_until_;
  }
  [[nodiscard]] MonotonicTime deadline() const;
  [[nodiscard]] Status status() const;

 private:
  void check_lease(Event& event);
  // Initialize
  void start(bool group_fault, Event& event);
  void wait_after_link_up(MonotonicTime now);
  void wait_for_backends(MonotonicTime now) { backends_until_ = now + settings_.backends_patience; }
  void start_election(Cause cause, Event& event);
  // Backup
  void hear(Backup& backup, const wire::ReceivedAdvert& received, Event& event);
  void listen(Backup& backup, Event& event);
  void probe(Backup& backup, Event& event);
  void probed(Backup& backup, int error, Event& event);
  void defer_takeover(Backup& backup, Event& event);
  void on_control(Backup& backup, Duration silent, Event& event);
  void on_peer_role(Backup& backup, const PeerRole& peer, Event& event);
  [[nodiscard]] bool is_held_back(Backup& backup, Event& event);
  void prepare_takeover(Backup& backup, Event& event);
  void accept_active(Backup& backup, const wire::Advert& advert, Event& event);
  void arm(Backup& backup, Duration delay, Cause cause, MonotonicTime now) const;
  [[nodiscard]] Backup new_backup(MonotonicTime now) const;
  [[nodiscard]] Backup yielding_backup(MonotonicTime now) const;
  void say_farewell(Backup& backup, Event& event);
  [[nodiscard]] bool preempts(MonotonicTime now);
  void update(Backup& backup, const Settings& old, Event& event);
  void uninstall(Backup& backup, Event& event);
  void become_active(Cause cause, Event& event);
  // Active
  void hear(Active& active, const wire::ReceivedAdvert& received, Event& event);
  void advertise_in_turn(Active& active, Event& event);
  void advertise(Active& active, Event& event);
  void assert_active(Active& active, Event& event);
  void announce(Active& active, Event& event) const;
  void announce_again(Active& active, Event& event) const;
  void update(Active& active, const Settings& old, bool new_priority, Event& event);
  void on_control(Active& active, Duration silent, Event& event);
  void hand_over(Active& active, bool forced, Event& event);
  void bound_handover(Active& active, MonotonicTime lease) const;
  void renew_short_lease(Active& active, Event& event) const;
  void continue_handover(Active& active, Event& event);
  void finish_handover(const Active& active, Event& event);
  void keep(Active& active, HandoverEnd why, Event& event);
  [[nodiscard]] bool is_unfit(const wire::Advert& advert) const;
  void sent(Active& active, int error, Event& event);
  enum class Farewell { none, last_advert, resignation };
  void leave_active(Phase to, Cause cause, Farewell farewell, Event& event);
  // All
  void enter(Phase to, Cause cause, Event& event);
  void delay_takeover(MonotonicTime now);
  void take_back(MonotonicTime now);
  Settings adopt(const Settings& settings, const Failing& failing);
  bool track(const input::Track& input, MonotonicTime now);
  bool refresh_priority();
  void note_sent(int error, Event& event);
  void note_stall(Duration late, Event& event);
  void end_yielding(MonotonicTime now);
  void learn_interval(const wire::Advert& advert, Event& event);
  // A link without an address to send from is of no use.
  [[nodiscard]] bool usable() const { return link_usable_ && !source().is_unspecified(); }
  [[nodiscard]] Cause fault_cause() const;
  [[nodiscard]] Farewell farewell() const;
  [[nodiscard]] bool is_superior(const wire::ReceivedAdvert& received) const;
  [[nodiscard]] bool lacks_backends(MonotonicTime now) const {
    return !backends_up_ && now < backends_until_;
  }
  // It said so lately: of one that died with its last advert nothing that late is heard.
  [[nodiscard]] bool peer_is_active(MonotonicTime now) const;
  [[nodiscard]] bool lacks_flows() const { return settings_.waits_for_flows && !in_sync_; }
  // To take the addresses from a living Active: connections would break.
  [[nodiscard]] bool is_not_ready(MonotonicTime now) const {
    return lacks_flows() || lacks_backends(now);
  }
  [[nodiscard]] bool is_owner() const { return settings_.priority == kOwnerPriority; }
  [[nodiscard]] static std::int64_t to_ms(Duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  }
  [[nodiscard]] Duration rhythm() const;
  [[nodiscard]] Duration between_farewells() const;
  [[nodiscard]] Duration active_down() const;
  [[nodiscard]] Duration skew() const;

  Settings settings_;
  std::shared_ptr<Authenticator> authenticator_ = std::make_shared<Authenticator>();
  std::uint16_t interface_;
  bool link_usable_;
  bool in_sync_ = false;
  bool backends_up_ = false;
  MonotonicTime backends_until_{};  // end of backends_patience
  Duration silent_{};               // the control thread
  bool yielded_ = false;            // handed over, or about to, because of that
  MonotonicTime yield_after_{};     // not earlier
  IpAddress link_source_;
  SyncGroup* group_ = nullptr;
  Failing failing_;

  Phase phase_;
  Status status_;  // priority, peer, counters; what the phase knows is filled in by status()
  MonotonicTime startup_until_{};
  MonotonicTime hold_until_{};
  MonotonicTime preempt_after_ = kNever;  // end of preempt_delay; never: not begun
  std::uint8_t taker_priority_ = 0;       // the highest that the peer had since the handover
  bool link_was_down_ = false;            // since it last took part
  bool stuck_told_ = false;               // Matter::adverts_stuck, and not yet that it is over
  MonotonicTime tell_stuck_after_{}, tell_stall_after_{}, tell_bound_after_{};
};

}  // namespace tandem::vrrp
