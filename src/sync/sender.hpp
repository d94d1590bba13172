// SPDX-License-Identifier: Apache-2.0
// One direction of flow synchronization: this node's flows, to a peer that keeps them as replicas.
//
// pass() is called about once a millisecond. It sends which flows are gone, then what the marked
// buckets say at that moment. There is no queue that could overflow: while the peer is away or slow,
// marks gather.
//
// And it proves that both have the same. Before it reads the marks it notes the sums of some ranges
// (forward/flow_sums.hpp), and if they are the same afterwards, the peer has to come to the same
// sums at this point of the stream. Where it does not, the ranges are repaired: all of their flows
// are sent again, between RepairBegin and RepairEnd. So whatever is lost on the way (a mark, a name,
// a message) is found within kRound. The first bulk is a repair, too: of ranges that differ, since
// the peer has nothing yet.
//
// Packets move the states of TCP flows without the data thread, and mark nothing. So all buckets are
// looked at in turn, and one whose states are not those that were sent is marked.
//
// Only flows of services whose lease this node holds are sent. What it decided while both nodes did
// (a partition) it offers once, after it has lost the lease: the owner takes what it lacks.
//
// Clients that affinity holds come through a ring, and are not proved: all of them are told again in
// turn (forward/replication.hpp), also by the node that does not decide, when a session begins.
//
// Pure: no I/O, time is an argument. For one thread, beside the data thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "forward/forwarder.hpp"
#include "sync/message.hpp"

namespace tandem::sync {

class Sender {
 public:
  static constexpr Duration kRound = std::chrono::seconds(10);  // in which every range is checked
  static constexpr Duration kStateRound = std::chrono::seconds(2);  // in which states are looked at

  struct Counters {
    std::uint64_t flows = 0;  // records sent, those of repairs included
    std::uint64_t gone = 0;
    std::uint64_t checks = 0;
    std::uint64_t differed = 0;  // checks that the peer did not confirm
    std::uint64_t repairs = 0;
    std::uint64_t clients = 0;  // that affinity holds
  };

  // Where a service stands with the peer.
  enum class Proof : std::uint8_t {
    not_owner,  // this node does not hold the lease: nothing is to be proved from here
    checking,   // some ranges have not been confirmed in this session yet
    repairing,  // some differ, and are sent again
    unknown,    // the peer has no such service
    proved,     // every range was confirmed, and none has differed since
  };

  Sender(const forward::Forwarder& forwarder, forward::Replication& shared);

  // While there is no session: notes what this node decides that the peer does not hear of.
  void watch(MonotonicTime now);
  // A new session: the peer knows no names, and nothing is proved.
  void begin();
  // It is over: nothing is acknowledged any more.
  void end() { shared_.in_session.store(false, std::memory_order_release); }
  // Appends to `out`; stops early when that gets longer than `most` bytes.
  void pass(std::vector<std::uint8_t>& out, std::size_t most, MonotonicTime now);
  void on_outcome(const Outcome& outcome);
  void on_ack(const Ack& ack);

  [[nodiscard]] Proof proof(std::uint16_t service) const { return services_[service].proof; }
  [[nodiscard]] bool is_published(std::uint16_t service) const;
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Service {
    Proof proof = Proof::not_owner;
    Ranges confirmed, pending, differs;
    unsigned next = 0;         // range to be checked
    double due = 0;            // checks that it is time for, once every range was confirmed
    bool has_decided = false;  // since the peer last confirmed everything
    // Asked again, or repaired again, not before; each failure doubles the pause.
    MonotonicTime again{};
    Duration pause{};
    MonotonicTime owned{};  // when this node held the lease last
  };
  struct Job {
    std::map<std::uint16_t, Ranges> ranges;  // by service
    bool is_offer = false;
    std::uint32_t next4 = 0, next6 = 0;  // buckets
  };
  struct Noted {
    std::uint16_t service;
    std::uint16_t range;
    std::uint64_t sum;
  };

  // Of one table: a digest of the states that were sent last, for each bucket.
  struct States {
    std::vector<std::uint16_t> sent;
    std::uint32_t next = 0;
    double due = 0;  // buckets that it is time for
  };

  // Numbers whose names were compared in this pass.
  struct Seen {
    explicit Seen(std::size_t numbers) : passes(numbers) {}
    std::vector<std::uint32_t> passes;
  };

  void list_services();
  void look_at_leases(MonotonicTime now);
  void note_sums(MonotonicTime now);
  void note_sums_of(std::uint16_t number, Service& service);
  bool send_gone();
  bool send_marked();
  template <class Table>
  void send_bucket(const Table& table, States& states, std::uint32_t element);
  template <class Table>
  [[nodiscard]] std::uint16_t states_in(const Table& table, std::uint32_t bucket) const;
  template <class Table>
  void look_at_states(const Table& table, States& states, flow::FlowMarks& marks);
  void send_clients();
  void send_checks();
  void ask_for_ack(std::uint64_t held);
  void begin_job();
  void go_on_with_job();
  template <class Table>
  bool scan(const Table& table, std::uint32_t& next);
  void end_job();
  template <class Table>
  void add(const typename Table::Flow& flow);
  bool name_service(std::uint16_t number);
  bool name_backend(std::uint16_t slot);
  void name_hop(std::uint16_t number);
  void flush_records();
  [[nodiscard]] bool has_room() const { return out_->size() < most_; }
  [[nodiscard]] bool sends(std::uint16_t service) const;
  [[nodiscard]] static Proof proof_of(const Service& service);
  void pause(Service& service) const;
  bool is_known(Seen& seen, std::uint16_t number);

  const forward::Forwarder& forwarder_;
  forward::Replication& shared_;
  std::vector<Service> services_;
  std::vector<std::uint16_t> published_;  // numbers that stand for a service
  std::uint64_t layout_ = 0;              // td_tables.layout that this was read at
  std::map<std::uint16_t, ServiceName> named_services_;
  std::map<std::uint16_t, BackendName> named_backends_;
  std::map<std::uint16_t, HopName> named_hops_;
  Seen seen_services_{TD_MAX_SERVICES}, seen_backends_{TD_MAX_BACKENDS}, seen_hops_{TD_MAX_HOPS};
  std::uint32_t pass_ = 0;
  std::optional<Job> job_;
  std::vector<Noted> noted_;
  States states4_, states6_;
  Flows<4> flows4_;
  Flows<6> flows6_;
  Clients<4> clients4_;
  Clients<6> clients6_;
  std::vector<std::uint8_t>* out_ = nullptr;  // during pass()
  std::size_t most_ = 0;
  MonotonicTime now_{}, last_pass_{};
  std::size_t turn_ = 0;     // in published_
  std::uint64_t asked_ = 0;  // for an Ack of
  MonotonicTime asked_at_{};
  Counters counters_;
};

}  // namespace tandem::sync
