// SPDX-License-Identifier: Apache-2.0
// What the forwarder and flow synchronization have in common: the data thread on one side, the sync
// thread on the other, and between them only what neither of them waits for.
//
//   out   the data thread marks buckets that it changed, and pushes the names of flows that are
//         gone. The sync thread reads the marked buckets from the flow tables.
//   in    the sync thread pushes changes of the peer's flows, in the order in which they came; the
//         data thread applies them (Forwarder::apply()). A check is one of them: it compares the
//         sum of a range at that very point of the order, and its outcome goes back.
//
// First packets of services with `before_forward` wait for the peer (held_packets.hpp). The data thread
// numbers them behind their flow's mark; the sync thread asks the peer for an acknowledgement of a
// number behind what the marked buckets said, and the peer's data thread gives it in the order of its
// changes. Only the last number counts: nothing is queued for it.
//
// Clients that affinity holds go out through a ring, as they are held. It may lose some when it is
// full: all are told in turn besides, a table within a minute.
//
// A ring of names that is full loses some. That is counted and does no harm: the peer has flows too
// many then, and the sums of their ranges tell.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "base/spsc_ring.hpp"
#include "flow/flow_marks.hpp"
#include "flow/flow_table.hpp"
#include "forward/flow_sums.hpp"
#include "forward/settings.hpp"

namespace tandem::forward {

// One step of the peer's, in this node's numbers.
struct ReplicaChange {
  enum class Kind : std::uint8_t {
    put,          // the flow is as this says
    remove,       // the flow is gone; one that this node decided itself stays
    check,        // compare the sum of a range: an outcome follows
    client,       // affinity holds a client; `flow` without its port
    acknowledge,  // all that came before is applied: say so; `sum` is the number
  };
  Kind kind = Kind::put;
  std::uint8_t state = 0;   // enum td_flow_state
  std::uint8_t source = 0;  // fullnat: which of the service's source addresses
  FlowId flow;              // check: only the service counts
  std::uint16_t backend = 0;
  std::uint16_t source_port = 0;  // fullnat
  std::uint16_t range = 0;        // check
  std::uint64_t sum = 0;          // check: the peer's
  Duration held_for{};            // client: from now on
  bool decides = false;           // client: the peer decides about the service
  td_hop client_hop{};            // nat, fullnat: the way to the client; ifindex 0: not known
};

struct CheckOutcome {
  std::uint16_t service = 0;
  std::uint16_t range = 0;
  bool equal = false;
  bool asked = true;  // false: a change of the peer's could not be applied, so they differ
  // Not 0: no check, but an acknowledgement. With a service: something of that was refused since the
  // one before.
  std::uint64_t acknowledges = 0;
};

// Affinity holds a client, as of the moment when this was written.
struct HeldClient {
  FlowId client;  // without a port
  std::uint16_t backend = 0;
  MonotonicTime until{};
};

struct Replication {
  static constexpr std::size_t kChanges = 1 << 15, kNames = 1 << 16, kClients = 1 << 14;

  Replication(std::uint64_t secret, std::uint32_t elements4, std::uint32_t elements6)
      : sums(secret), marks4(elements4), marks6(elements6) {
    held = acknowledged = kFirst & random_word();
  }

  // Numbers of another process are none of this one's: a peer may have an answer to one left.
  static constexpr std::uint64_t kFirst = ~std::uint64_t{0} >> 1;

  FlowSums sums;
  flow::FlowMarks marks4, marks6;
  SpscRing<FlowId> gone{kNames};              // data thread -> sync thread
  SpscRing<HeldClient> clients{kClients};     // data thread -> sync thread
  SpscRing<ReplicaChange> changes{kChanges};  // sync thread -> data thread
  SpscRing<CheckOutcome> outcomes{kChanges};  // data thread -> sync thread
  // Of the data thread alone, by service: ranges of which something was refused since the last check.
  std::vector<std::bitset<FlowSums::kRanges>> told_refused =
      std::vector<std::bitset<FlowSums::kRanges>>(TD_MAX_SERVICES);

  // The same, of services, since the last acknowledgement.
  std::bitset<TD_MAX_SERVICES> refused;

  std::atomic<std::uint64_t> held =
      0;                             // by the data thread: the number of the last packet that waits
  std::atomic<bool> behind = false;  // by the data thread: the peer was too slow
  // By the sync thread: there is a session; up to which number the peer has the flows; and by
  // service, up to which it may lack some.
  std::atomic<bool> in_session = false;
  std::atomic<std::uint64_t> acknowledged = 0;
  std::vector<std::atomic<std::uint64_t>> lacking =
      std::vector<std::atomic<std::uint64_t>>(TD_MAX_SERVICES);

  // By the sync thread: raised when all clients that affinity holds are to be told once, and when
  // it last spoke with the peer (CLOCK_MONOTONIC).
  std::atomic<std::uint32_t> clients_wanted = 0;
  std::atomic<std::uint64_t> in_session_ns = 0;

  // Counted by the data thread.
  Count applied;        // changes that took effect
  Count names_lost;     // found `gone` full
  Count outcomes_lost;  // found `outcomes` full
  Count unknown;        // named a service or backend that has gone meanwhile
  Count conflicts;      // the peer has another backend for a flow that this node decided
  Count no_room;        // the flow table is full
  Count clients_taken;  // of the peer's that affinity holds
  Count ports_taken;    // fullnat: the source port is in use here
};

}  // namespace tandem::forward
