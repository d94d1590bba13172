// SPDX-License-Identifier: Apache-2.0
// The other direction of flow synchronization: the peer's flows, as replicas in this node's tables.
//
// It translates the peer's numbers into this node's, by the names that the peer gives, and hands
// each change to the data thread in the order in which it came (forward/replication.hpp). What names
// a service or backend that is not configured here is counted and left out: then the sums of its
// range differ, the peer hears so, and sends that range again later.
//
// Nothing waits: where the data thread is behind, or a repair is being concluded, stalled() says
// so, and the stream is read on later.
//
// Pure: no I/O, time is an argument. For one thread, beside the data thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "forward/forwarder.hpp"
#include "sync/message.hpp"

namespace tandem::sync {

class Receiver {
 public:
  struct Counters {
    std::uint64_t flows = 0;  // records that came
    std::uint64_t gone = 0;
    std::uint64_t checks = 0;
    std::uint64_t differed = 0;    // of them
    std::uint64_t no_service = 0;  // records of a service that is not configured here
    std::uint64_t no_backend = 0;  // of a backend
    std::uint64_t clients = 0;     // records of clients that affinity holds
    std::uint64_t swept = 0;       // replicas that a repair did not confirm
  };

  Receiver(const forward::Forwarder& forwarder, forward::Replication& shared);

  // A new session: the peer has named nothing.
  void begin();

  void on(const ServiceName& name);
  void on(const BackendName& name);
  void on(const HopName& name);
  template <int Family>
  void on(const Flows<Family>& flows);
  template <int Family>
  void on(const Gone<Family>& gone);
  template <int Family>
  void on(const Clients<Family>& clients);
  void on(const Checks& checks);
  void on(const RepairBegin& repair);
  void on(const RepairEnd& repair);
  void on(const AckRequest& request);

  // Goes on with what waits. To be called before the next message, and about once a millisecond.
  void go_on(MonotonicTime now);
  // No message may be given to it now.
  [[nodiscard]] bool stalled() const { return !waiting_.empty() || ending_.has_value(); }
  // What the peer is to be told of its checks.
  [[nodiscard]] Outcomes take_outcomes();
  // And that it has applied; none: nothing new. After take_outcomes().
  [[nodiscard]] std::optional<Ack> take_ack() { return std::exchange(ack_, {}); }

  // Whether every range of the service, by this node's number, was equal when it was last checked.
  [[nodiscard]] bool proved(std::uint16_t service) const { return confirmed_[service].all(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct PeerService {
    ServiceName name;
    std::uint16_t local = 0;              // 0: not configured here
    std::vector<std::uint8_t> sources{};  // of the peer's index, ours; 255: not here
    std::uint64_t looked = 0;             // when it was looked for last, in epochs
  };
  struct PeerBackend {
    BackendName name;
    std::uint16_t local = 0;
    std::uint64_t looked = 0;
  };
  struct Repair {
    Ranges ranges;
    std::unordered_set<std::uint64_t> came;  // hashes of keys
  };

  PeerService* service_of(std::uint16_t number);
  void resolve(PeerService& service) const;
  std::uint16_t backend_of(std::uint16_t peers_slot, std::uint16_t local_service);
  td_hop way_to(std::uint16_t peers_hop, std::uint16_t local_service) const;
  void on_applied(const forward::CheckOutcome& applied);
  [[nodiscard]] bool is_empty(std::uint16_t service, const Ranges& ranges) const;
  void note_repair(const forward::FlowId& id, bool is_there);
  void push(const forward::ReplicaChange& change);
  bool push_waiting();
  void sweep_after_repair();
  void give_up_repairs(MonotonicTime now);

  const forward::Forwarder& forwarder_;
  forward::Replication& shared_;
  std::vector<std::optional<PeerService>> services_;  // by the peer's number
  std::vector<std::optional<PeerBackend>> backends_;
  std::unordered_map<std::uint16_t, HopName> hops_;
  std::map<std::uint16_t, std::uint16_t> peers_number_;  // of our service
  std::unordered_map<std::uint16_t, Repair> repairs_;    // by our service
  std::optional<std::uint16_t> ending_;                  // the repair whose end has come
  std::deque<forward::ReplicaChange> waiting_;
  Outcomes outcomes_;
  std::optional<Ack> ack_;
  std::unordered_set<std::uint16_t> lacking_;  // since the last one, by the peer's numbers
  std::vector<Ranges> confirmed_;              // by our service
  // What is not configured here is looked for once an epoch: about a second.
  std::uint64_t rounds_ = 0;
  [[nodiscard]] std::uint64_t epoch() const { return 1 + rounds_ / 1024; }
  Counters counters_;
};

}  // namespace tandem::sync
