// SPDX-License-Identifier: Apache-2.0
// First packets of services with `before_forward`, which wait until the peer has their flow: so a
// client never hears from a backend through a flow that would be lost with this node.
//
//   admit()   the flow is in the table, marked and counted, but held: to the packet core it is none
//             (flow_word.hpp), so that each packet of it comes here, and waits as well. Each gets the
//             next number, behind the mark
//   the peer  acknowledges numbers, in the order of the stream (replication.hpp)
//   let_go()  the oldest goes on when its number is acknowledged; or without that, counted by why:
//             no session; the peer could not take a flow of the service; longest_hold_ is over
//
// A peer that was too slow once is waited for no more until it has caught up: it costs one delay, not
// one for each connection. What cannot be kept for want of room goes on at once, too.
//
// What a process that dies had kept is lost; its flows are held still, and wait with what their clients
// send again.
#include "forward/forwarder.hpp"

namespace tandem::forward {

void Forwarder::look_whether_behind() {
  if (behind_until_ == 0 ||
      replication_->acknowledged.load(std::memory_order_acquire) < behind_until_)
    return;
  behind_until_ = 0;
  replication_->behind.store(false, std::memory_order_relaxed);
}

// Counts why not.
bool Forwarder::may_hold(std::uint16_t service) {
  if (replication_ == nullptr) return false;
  look_whether_behind();
  if (!replication_->in_session.load(std::memory_order_acquire))
    went_ahead(service, Unacknowledged::away);
  else if (behind_until_ != 0)
    went_ahead(service, Unacknowledged::slow);
  else if (!has_room_to_hold())
    went_ahead(service, Unacknowledged::no_room);
  else
    return true;
  return false;
}

td_reason Forwarder::keep(const td_frame& frame, const FlowId& flow, void* owner,
                          MonotonicTime now) {
  const std::uint64_t number = replication_->held.load(std::memory_order_relaxed) + 1;
  held_[(first_held_ + held_count_++) % held_.size()] = {frame, owner, flow, number,
                                                         now + longest_hold_};
  replication_->held.store(number, std::memory_order_release);
  return kHeld;
}

auto Forwarder::fate_of(const HeldPacket& packet, MonotonicTime now) -> Fate {
  const std::uint16_t service = packet.flow.service;
  if (replication_->acknowledged.load(std::memory_order_acquire) >= packet.number) {
    if (replication_->lacking[service].load(std::memory_order_relaxed) < packet.number) {
      service_counts_[service].acknowledged++;
      return Fate::acknowledged;
    }
    went_ahead(service, Unacknowledged::refused);
  } else if (!replication_->in_session.load(std::memory_order_acquire)) {
    went_ahead(service, Unacknowledged::away);
  } else if (now >= packet.until) {
    went_ahead(service, Unacknowledged::slow);
    behind_until_ = replication_->held.load(std::memory_order_relaxed);
    replication_->behind.store(true, std::memory_order_relaxed);
  } else {
    return Fate::waits;
  }
  return Fate::goes_ahead;
}

// A flow that has gone or ended meanwhile takes its packet along: what comes again begins anew.
template <class Table>
bool Forwarder::let_flow_go(Table& table, const typename Table::Key& key) {
  const auto flow = table.find(key);
  return table.let_go(key) && flow && !td_flow_is_ending(flow->state);
}

td_reason Forwarder::go_on(td_frame& frame, const FlowId& flow, td_outcome& outcome) {
  const bool goes_on = flow.family == TD_IPV4
                           ? let_flow_go(flows4_, key_of<flow::FlowTable4>(flow))
                           : let_flow_go(flows6_, key_of<flow::FlowTable6>(flow));
  return goes_on ? deliver(frame, outcome, false) : TD_DROP_NO_FLOW;
}

auto Forwarder::let_go(MonotonicTime now, std::uint64_t jiffies) -> std::optional<Released> {
  if (held_count_ == 0) return std::nullopt;
  const HeldPacket& oldest = held_[first_held_];
  const Fate fate = fate_of(oldest, now);
  if (fate == Fate::waits) return std::nullopt;
  Released released{oldest.frame, oldest.owner, oldest.flow, fate == Fate::acknowledged, {}, {}};
  released.frame.now_ns = to_ns(now);
  released.frame.jiffies = jiffies;
  first_held_ = (first_held_ + 1) % held_.size();
  held_count_--;
  released.reason = go_on(released.frame, released.flow, released.outcome);
  reasons_[released.reason]++;
  return released;
}

}  // namespace tandem::forward
