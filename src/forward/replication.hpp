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

#include "base/spsc_ring.hpp"
#include "flow/flow_marks.hpp"
#include "flow/flow_table.hpp"
#include "forward/flow_sums.hpp"
#include "forward/settings.hpp"

namespace tandem::forward {

// One step of the peer's, in this node's numbers.
struct ReplicaChange {
  enum class Kind : std::uint8_t {
    put,     // the flow is as this says
    remove,  // the flow is gone; one that this node decided itself stays
    check,   // compare the sum of a range: an outcome follows
    client,  // affinity holds a client; `flow` without its port
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
      : sums(secret), marks4(elements4), marks6(elements6) {}

  FlowSums sums;
  flow::FlowMarks marks4, marks6;
  SpscRing<FlowId> gone{kNames};              // data thread -> sync thread
  SpscRing<HeldClient> clients{kClients};     // data thread -> sync thread
  SpscRing<ReplicaChange> changes{kChanges};  // sync thread -> data thread
  SpscRing<CheckOutcome> outcomes{kChanges};  // data thread -> sync thread
  // Of the data thread alone, by service: ranges of which something was refused since the last check.
  std::vector<std::bitset<FlowSums::kRanges>> told_refused =
      std::vector<std::bitset<FlowSums::kRanges>>(TD_MAX_SERVICES);

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
