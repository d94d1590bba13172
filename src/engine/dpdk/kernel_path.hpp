// SPDX-License-Identifier: Apache-2.0
// Frames that came to a worker and are the kernel's after all: it gets them as if they had come in
// on their device just now.
//
// Few do: the steering program passes on its own whatever concerns no backend. What is left are
// packets from a backend's address and port that belong to no flow (answers to health checks), and
// some fragments and ICMP errors. They go through a ring to a thread, which has the kernel run a
// program on each that passes it (BPF_PROG_TEST_RUN with live frames: Linux 5.18).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "base/result.hpp"
#include "engine/dpdk/doorbell.hpp"

struct rte_mbuf;
struct rte_ring;
struct sockets_bpf;

namespace tandem::engine {

class KernelPath {
 public:
  static Result<std::unique_ptr<KernelPath>> open();
  ~KernelPath();

  // From any worker. The frame is the path's, whatever becomes of it.
  void give(rte_mbuf* frame, std::uint32_t ifindex);

  struct Counters {
    std::uint64_t given = 0;
    std::uint64_t lost = 0;     // the ring was full
    std::uint64_t refused = 0;  // by the kernel
  };
  [[nodiscard]] Counters counters() const;

 private:
  KernelPath() = default;
  void loop();
  void pass(rte_mbuf* frame);

  sockets_bpf* program_ = nullptr;
  rte_ring* ring_ = nullptr;
  Doorbell bell_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> given_ = 0, lost_ = 0, refused_ = 0;
  std::thread thread_;
};

}  // namespace tandem::engine
