// SPDX-License-Identifier: Apache-2.0
// A worker: takes bursts from its queues, runs them through the packet core and sends them on.
//
//   rx_burst  ->  steer (forward/burst.hpp)  ->  by reason:  tx_burst  |  the kernel  |  gone
//                                                 no flow: admit, by who owns the flow tables
//
// One thread on one CPU each. Worker number w has every queue q of each port with q % workers == w,
// and tx queue w. The first one owns the flow tables: it alone admits first packets, hears of ends,
// sweeps, and runs the control thread's commands; the others hand such frames to it through a
// ring. So schedulers and counts are one for the node, and nobody locks.
//
// No allocation, lock or system call in the loop; but drivers may have some of their own, and what
// goes to the kernel wakes its thread (kernel_path.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/dpdk/kernel_path.hpp"
#include "engine/dpdk/rest.hpp"
#include "engine/dpdk/tap_path.hpp"
#include "flow/flow_time.hpp"
#include "forward/burst.hpp"
#include "forward/forwarder.hpp"

struct rte_mbuf;
struct rte_ring;

namespace tandem::engine {

// The ports that workers have, as they see them. It stays as it is; a change makes another one.
struct PortSet {
  struct Entry {
    std::uint16_t port = 0;
    std::uint16_t rx_queues = 1;
    std::uint32_t ifindex = 0;
    TapPath* tap = nullptr;  // of a port of our own; nullptr: the port is over the kernel's driver
  };
  static constexpr std::size_t kMost = 16;
  std::vector<Entry> entries;  // at most kMost
};

// Written by its worker, read by anybody.
struct WorkerCounters {
  std::array<forward::Count, TD_REASON_COUNT> packets;
  forward::Count rounds;    // of the loop: stands still if the worker does
  forward::Count bursts;    // that had frames
  forward::Count received;  // frames
  forward::Count sent;
  forward::Count tx_full;      // not sent: the queue had no room
  forward::Count no_port;      // not sent: no such port
  forward::Count handed_over;  // to the first worker
  forward::Count overrun;      // not handed over: its ring was full
  forward::Count orphaned;     // handed over, but its port was gone by then
};

struct WorkerTraffic {
  forward::Count in_packets, in_bytes, out_packets, out_bytes;
};

class Worker {
 public:
  // What the first worker does besides, each round: it must not wait for anything.
  using Tend = std::function<void(MonotonicTime now)>;

  struct Options {
    unsigned number = 0, workers = 1;
    config::Idle rest = config::Idle::sleep;
    bool prefetch = true;
  };
  struct Deps {
    const td_env& env;
    const flow::JiffyClock& clock;
    KernelPath* kernel = nullptr;             // nullptr: what it would get is dropped
    forward::Forwarder* forwarder = nullptr;  // of the first alone
    Tend tend;
  };

  Worker(const Options& options, Deps deps);
  ~Worker();

  // Before it runs. The first worker takes what others hand over.
  Result<void> open_rings();
  void take_from(Worker& other) { others_.push_back(&other); }

  // On its own thread, until stop().
  void run();
  void stop() { stop_ = true; }
  // Ends its sleep. From any thread.
  void wake() const { rest_.wake(); }
  // One round: of all its queues, a burst each. Returns how many frames came.
  std::size_t round();

  // From another thread: uses these ports from now on. Returns when it does; the former ones are no
  // longer touched then. Not while its thread does not run, when it returns at once.
  void use(std::shared_ptr<const PortSet> ports);

  // From one other thread: the frames that it captured (td_tables.capture_until_ns).
  void drain_captured(const std::function<void(const td_captured&)>& each);

  [[nodiscard]] const WorkerCounters& counters() const { return counters_; }
  [[nodiscard]] const WorkerTraffic& traffic(std::uint16_t backend) const {
    return traffic_[backend];
  }

 private:
  struct Outbox {
    std::uint32_t count = 0;
    std::array<rte_mbuf*, 2 * forward::kBurst> frames;
  };

  std::size_t serve(std::size_t entry, std::uint16_t queue);
  void lay_out(forward::Job& job, const rte_mbuf& frame, std::uint32_t ifindex) const;
  void settle(rte_mbuf* frame, std::size_t i, std::size_t entry);
  void hand_over(rte_mbuf* frame, std::size_t entry);
  void finish(rte_mbuf* frame, const forward::Job& job, std::size_t entry);
  void send(rte_mbuf* frame, std::uint32_t ifindex, std::size_t entry);
  void give_to_kernel(rte_mbuf* frame, bool is_advert, std::size_t entry);
  void hear_end(const td_flow_end& end);
  void count_traffic(const td_outcome& outcome);
  std::size_t take_over();
  std::size_t let_go();
  std::size_t send_for_kernel();
  void flush();
  void take_ports();
  void capture_in(const rte_mbuf& frame, std::uint32_t ifindex, td_captured& captured) const;
  void capture_out(std::size_t i, const rte_mbuf& frame, std::uint32_t ifindex);
  [[nodiscard]] std::size_t entry_of(std::uint32_t ifindex) const;

  Options options_;
  Deps deps_;
  Rest rest_;
  std::vector<Worker*> others_;
  rte_ring* misses_ = nullptr;         // frames, from this worker to the first
  rte_ring* ends_ = nullptr;           // td_flow_end
  rte_ring* captured_ = nullptr;       // td_captured
  std::vector<td_captured> captures_;  // of the burst that is under way
  bool capturing_ = false;
  std::array<forward::Job, forward::kBurst> jobs_;
  std::array<Outbox, PortSet::kMost> outboxes_;
  MonotonicTime now_;
  std::uint64_t jiffies_ = 0;

  std::shared_ptr<const PortSet> ports_;                 // in use
  std::atomic<std::shared_ptr<const PortSet>*> next_{};  // to be used
  std::atomic<bool> running_ = false, stop_ = false;

  WorkerCounters counters_;
  std::vector<WorkerTraffic> traffic_;  // by backend
};

}  // namespace tandem::engine
