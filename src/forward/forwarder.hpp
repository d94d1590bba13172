// SPDX-License-Identifier: Apache-2.0
// First packets: which backend a new flow goes to. Owns what XDP only reads: flow tables, next
// hops, source ports, backends; and the schedulers that the counts belong to.
//
//   admit()   a frame that found no flow: decide, insert, and let the packet core do the rest,
//             which finds the flow now. A frame whose flow is there already (a duplicate, or the
//             second packet came before the decision) goes by the decision that stands.
//   on_end()  a flow that was seen to end stops counting at once
//   sweep()   those that nobody saw end
//
// A flow counts at its backend from the decision until the flow table says that it counts no more:
// FlowTable tells of every change, and on_change() is the one place where schedulers hear of it. So
// the counts of the schedulers are those of the table at every moment.
//
// One thread. No call that a packet causes allocates, locks or makes a system call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "balance/affinity.hpp"
#include "base/result.hpp"
#include "flow/flow_table.hpp"
#include "forward/hop_table.hpp"
#include "forward/port_pool.hpp"
#include "forward/replication.hpp"
#include "forward/settings.hpp"
#include "tandem/steer.h"

namespace tandem::forward {

class Forwarder {
 public:
  struct Memory {
    td_env env;  // all that the packet core reads and writes
    std::span<std::byte> flow4, flow6;
  };
  struct Sizes {
    std::uint32_t flows4 = 0, flows6 = 0;  // as FlowTable::create() takes them
    std::uint32_t tick_shift = 0;
    std::uint32_t first_port = 0;  // of each source address, as PortPool::begin_at() takes it
  };

  Forwarder(const Memory& memory, const flow::IdleTicks& idle);
  ~Forwarder();

  // Takes the flow tables that are there, or makes new ones. Before anything else.
  Result<void> open(const Sizes& sizes, flow::Tick now);
  // From here on the flows are kept in step with a peer's: see replication.hpp. Between open() and
  // the first setting. The caller keeps it alive.
  void replicate(Replication* replication);
  // After the services and backends are set for the first time: the flows that are there go on if
  // they belong to some of these, else they are forgotten. Returns how many went on.
  std::uint32_t adopt();

  // ---- Settings, by numbers and slots of tandem/abi.h
  void set_idle(const flow::IdleTicks& idle) { idle_ = idle; }
  // fullnat: as PortPool::set_usable(), for all source addresses.
  void set_usable_ports(const std::vector<bool>& usable) {
    for (PortPool& pool : ports_) pool.set_usable(usable);
  }
  void set_mtu(std::uint32_t ifindex, std::uint16_t mtu);  // what is sent to clients there
  void set_service(std::uint16_t number, const ServiceSettings& settings, MonotonicTime now);
  void install(std::uint16_t number, balance::MaglevTable table);
  // Removes its flows and its backends, a share with each sweep(). Its number may be used again at
  // once.
  void remove_service(std::uint16_t number);
  // When a backend goes down, flows that another one can take are forgotten: UDP (also of a backend
  // that is removed), what has not got beyond its SYN, and all others if the service says so.
  void set_backend(std::uint16_t slot, const BackendSettings& settings, MonotonicTime now);
  // Once no flow refers to it: counts().total(slot) is 0.
  void remove_backend(std::uint16_t slot);

  // ---- Packets. frame: with its clocks; outcome: by which device it goes out.
  // owner: not nullptr if the frame may be kept until let_go() gives it back, and kHeld comes back.
  td_reason admit(td_frame& frame, td_outcome& outcome, MonotonicTime now, void* owner = nullptr);
  static constexpr std::size_t kMostHeld = 1024;
  static constexpr auto kHeld = static_cast<td_reason>(TD_REASON_COUNT);
  // What was held, and goes on now, as admit() would give it back. To be called until there is none.
  struct Released {
    td_frame frame;
    void* owner;
    FlowId flow;
    bool acknowledged;  // the peer has the flow
    td_reason reason;
    td_outcome outcome;
  };
  std::optional<Released> let_go(MonotonicTime now, std::uint64_t jiffies);
  [[nodiscard]] bool holds_packets() const { return held_count_ > 0; }
  // How long a packet is held at most.
  void set_longest_hold(Duration longest) { longest_hold_ = longest; }
  void on_end(const td_flow_end& end, flow::Tick now);
  // The next `buckets` of both tables.
  void sweep(std::uint32_t buckets, flow::Tick now);
  // Which services' flows are replicas, by the leases as they are; and whether those are up to date. To be called before sweep().
  void look_at_leases(MonotonicTime now);
  // Tells the peer of some more of the clients that affinity holds. To be called every 10 ms or so.
  void tell_clients(MonotonicTime now);
  // What the peer did, at most so many changes. None of them does anything without replicate().
  void apply_changes(std::size_t most, MonotonicTime now, flow::Tick tick);

  // ---- What is
  struct Preview {
    std::optional<std::uint16_t> backend;
    bool held = false;  // by affinity
  };
  // Where a new flow of this client would go now.
  [[nodiscard]] Preview preview(std::uint16_t service, const IpAddress& client, std::uint16_t port,
                                MonotonicTime now);
  struct Sums {
    std::uint64_t in_table = 0;  // flows that count
    std::uint64_t in_schedulers = 0;
  };
  [[nodiscard]] Sums sums() const;
  [[nodiscard]] const flow::FlowCounts& counts() const { return counts_; }
  [[nodiscard]] const ServiceCounts& of_service(std::uint16_t number) const {
    return service_counts_[number];
  }
  [[nodiscard]] const BackendCounts& of_backend(std::uint16_t slot) const {
    return backend_counts_[slot];
  }
  // By reason, of what admit() returned.
  [[nodiscard]] std::span<const Count> reasons() const { return reasons_; }
  [[nodiscard]] const flow::FlowTable4& flows4() const { return flows4_; }
  [[nodiscard]] const flow::FlowTable6& flows6() const { return flows6_; }
  [[nodiscard]] const HopTable& hops() const { return hops_; }
  [[nodiscard]] const td_env& env() const { return memory_.env; }
  [[nodiscard]] std::uint32_t tick_shift() const { return tick_shift_; }
  [[nodiscard]] bool eligible(std::uint16_t slot) const;
  // Sums of what schedulers count of other services' flows, and of what the table has of them: equal.
  [[nodiscard]] Sums sums_elsewhere() const;
  // Flows that have a port of a source address, by its slot.
  [[nodiscard]] std::uint32_t ports_taken(std::uint16_t slot) const { return ports_[slot].taken(); }
  // Flows whose port is none of set_usable_ports().
  [[nodiscard]] std::uint32_t stray_ports() const;
  // By number: ports that flows have, of any source address.
  [[nodiscard]] std::vector<bool> taken_ports() const;

 private:
  struct Service {
    ServiceSettings settings;
    std::unique_ptr<balance::Scheduler> scheduler;
    std::unique_ptr<balance::Affinity> affinity;
    std::uint32_t turn = 0;  // of its source addresses
    bool going = false;      // as soon as its flows are forgotten
  };
  struct Backend {
    BackendSettings settings;
    std::uint16_t hop = 0;
  };

  // admission.cpp
  struct Packet;
  td_reason decide(Packet& packet);
  template <class Table>
  td_reason decide_in(Table& table, const typename Table::Key& key, Packet& packet);
  template <class Table>
  td_reason place(Table& table, const typename Table::Key& key, Packet& packet);
  std::optional<std::uint16_t> choose(Packet& packet);
  template <class Table>
  std::optional<std::uint16_t> choose_in(Table& table, Packet& packet);
  template <class Table>
  bool is_taken_elsewhere(Table& table, const Packet& packet, std::uint16_t backend);
  template <class Decision>
  td_reason reserve(const Packet& packet, Decision& decision);
  std::optional<std::uint16_t> take_port(const Service& service, std::uint8_t source);
  bool free_port(const Service& service, std::uint8_t source);
  template <class Table>
  void follow_router(Table& table, const typename Table::Flow& flow, const Packet& packet);
  std::optional<std::uint16_t> client_hop(const Packet& packet);
  std::optional<std::uint16_t> acquire_hop(const td_hop& hop);
  template <class Table>
  bool free_hop(Table& table);
  [[nodiscard]] std::uint16_t hop_of(std::uint16_t service, std::uint16_t extra,
                                     std::uint8_t source) const;
  void forget(const Packet& packet);
  td_reason deliver(td_frame& frame, td_outcome& outcome, bool is_cut);
  td_reason answer(td_frame& frame, td_outcome& outcome, td_reason reason);
  bool may_refuse(const td_packet& p, std::uint64_t now_ns);

  // held_packets.cpp
  struct HeldPacket {
    td_frame frame;
    void* owner;
    FlowId flow;
    std::uint64_t number;
    MonotonicTime until;
  };
  [[nodiscard]] bool has_room_to_hold() const { return held_count_ < held_.size(); }
  [[nodiscard]] bool may_hold(std::uint16_t service);
  void look_whether_behind();
  td_reason keep(const td_frame& frame, const FlowId& flow, void* owner, MonotonicTime now);
  enum class Fate : std::uint8_t { waits, acknowledged, goes_ahead };
  Fate fate_of(const HeldPacket& packet, MonotonicTime now);
  template <class Table>
  bool let_flow_go(Table& table, const typename Table::Key& key);
  td_reason go_on(td_frame& frame, const FlowId& flow, td_outcome& outcome);
  void went_ahead(std::uint16_t service, Unacknowledged why) {
    service_counts_[service].went_ahead[static_cast<std::size_t>(why)]++;
  }

  // replica.cpp
  [[nodiscard]] bool holds_lease(std::uint16_t service, MonotonicTime now) const;
  // twins.cpp
  void count_at_twins(std::uint16_t slot, int change);
  [[nodiscard]] std::uint32_t elsewhere(std::uint16_t slot) const;
  void recount(std::uint16_t slot);
  void recount_twins_of(std::uint16_t service);
  [[nodiscard]] bool counts_elsewhere(std::uint16_t service) const;
  void look_at_session(MonotonicTime now);

  void tell_news(const Service& service, std::uint16_t number, MonotonicTime now);
  bool tell_some(std::size_t places, bool owned_only, MonotonicTime now);
  void hold_client(const ReplicaChange& change, bool decides_here, MonotonicTime now);
  void apply(const ReplicaChange& change, MonotonicTime now, flow::Tick tick);
  template <class Table>
  void put(Table& table, const ReplicaChange& change, bool decides_here, flow::Tick tick);
  template <class Table>
  bool acquire(const Service& service, const ReplicaChange& change,
               typename Table::Decision& decision);
  template <class Table>
  void count_in(const typename Table::Key& key, std::uint16_t backend, std::uint16_t extra);
  template <class Table>
  void count_out(const typename Table::Flow& flow);

  // flow_fate.cpp
  template <class Table>
  void on_change(const typename Table::Flow& flow, flow::FlowChange change);
  template <class Table>
  [[nodiscard]] bool adopt(const typename Table::Flow& flow);
  void forget_from_the_start();
  void forget_some(std::uint32_t buckets);
  template <class Table>
  void forget_in(Table& table, std::uint32_t buckets);
  [[nodiscard]] bool has_no_server(std::uint16_t service, std::uint16_t backend,
                                   std::uint8_t state) const;
  void remove_those_going();
  void release(const Service& service, std::uint16_t extra, std::uint8_t source);
  bool hold(const Service& service, std::uint16_t number, std::uint16_t extra, std::uint8_t source);

  [[nodiscard]] Service* service_at(std::uint16_t number) const { return services_[number].get(); }
  [[nodiscard]] td_source* source_at(const Service& service, std::uint8_t source,
                                     std::uint16_t port) const;
  void write(std::uint16_t slot, const Backend& backend);

  Memory memory_;
  flow::IdleTicks idle_;
  flow::FlowCounts counts_;
  flow::FlowTable4 flows4_;
  flow::FlowTable6 flows6_;
  HopTable hops_;
  std::uint32_t hop_looks_ = 0;  // for a flow that gives way with its hop: round, in buckets
  flow::Tick tick_ = 0;          // of the last packet or sweep
  std::vector<PortPool> ports_;  // by slot of source addresses
  std::vector<std::unique_ptr<Service>> services_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::vector<ServiceCounts> service_counts_;
  std::vector<BackendCounts> backend_counts_;
  std::array<Count, TD_REASON_COUNT> reasons_;
  struct Device {
    std::uint32_t ifindex;
    std::uint16_t mtu;
  };
  std::vector<Device> devices_;
  std::uint32_t tick_shift_ = 0;
  // Token buckets of answers, as td_take_token() has them: each starves none of the others.
  __u64 errors_ = 0, refusals_ = 0, resets_ = 0;
  // false: the tables have an earlier process's flows, which hold nothing yet.
  bool adopted_ = true;
  std::uint32_t forgetting_ = 0;  // the bucket of both tables that is next
  bool forgets_ = false;          // some flows may be forlorn
  Replication* replication_ = nullptr;
  std::array<std::uint8_t, TD_MAX_SERVICES>
      replicas_{};  // services that this node holds no lease of
  std::array<std::uint8_t, TD_MAX_SERVICES> hears_server_{};  // services with nat or fullnat
  bool forgets_one_ = false;                                  // a flow of one packet ends
  bool applying_ = false;                                     // a change of the peer's
  // Clients that affinity holds, told in turn.
  std::uint16_t told_service_ = 0;
  std::size_t told_place_ = 0;      // of that service's
  std::uint32_t clients_told_ = 0;  // of Replication::clients_wanted
  bool tells_all_ = false;
  bool in_session_ = false;  // or was lately
  // Held packets: a ring, from the oldest on.
  std::vector<HeldPacket> held_;
  std::size_t first_held_ = 0, held_count_ = 0;
  std::uint64_t behind_until_ =
      0;  // the number that the peer has to acknowledge; 0: it is not behind
  Duration longest_hold_ = std::chrono::milliseconds(50);
};

}  // namespace tandem::forward
