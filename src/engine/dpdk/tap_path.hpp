// SPDX-License-Identifier: Apache-2.0
// The way between workers and the kernel for a port that is DPDK's own: a TAP device, which is that
// port's interface for everything but workers.
//
//   workers     --give()-->  two rings: adverts, frames  --thread, write()-->  TAP device
//   worker 0    <--take()--  a ring                      <--thread, read()---
//
// So no worker makes a system call, but for the one that wakes this thread. Adverts have a ring of
// their own, which is emptied first: however many frames are for the kernel, the VRRP thread hears
// its peer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <thread>

#include "engine/dpdk/doorbell.hpp"
#include "engine/dpdk/port.hpp"
#include "engine/dpdk/tap_device.hpp"

struct rte_mbuf;
struct rte_ring;

namespace tandem::engine {

class TapPath {
 public:
  // wake: called when there is something to take(), on the path's thread.
  static Result<std::unique_ptr<TapPath>> open(TapDevice device, const FramePool& pool,
                                               std::function<void()> wake);
  ~TapPath();
  TapPath(const TapPath&) = delete;
  TapPath& operator=(const TapPath&) = delete;

  // From any worker. The frame is the path's, whatever becomes of it.
  void give(rte_mbuf* frame, bool is_advert);
  // From one worker: what the kernel sends. Returns how many.
  std::size_t take(std::span<rte_mbuf*> frames);

  [[nodiscard]] TapDevice& device() { return device_; }
  // The device is gone: somebody deleted it.
  [[nodiscard]] bool is_broken() const { return broken_; }

  struct Counters {
    std::uint64_t lost = 0;      // of frames for the kernel: a ring was full
    std::uint64_t refused = 0;   // by the kernel
    std::uint64_t no_frame = 0;  // of frames from the kernel: the pool had no buffer left
    std::uint64_t unsent = 0;    // of frames from the kernel: the worker takes too few
  };
  [[nodiscard]] Counters counters() const;

 private:
  TapPath(TapDevice device, const FramePool& pool, std::function<void()> wake)
      : device_(std::move(device)), pool_(pool.get()), wake_(std::move(wake)) {}
  void loop();
  std::size_t write_some();
  std::size_t read_some();

  TapDevice device_;
  rte_mempool* pool_;
  std::function<void()> wake_;
  rte_ring* adverts_ = nullptr;
  rte_ring* frames_ = nullptr;
  rte_ring* sent_ = nullptr;  // by the kernel
  Doorbell bell_;
  std::atomic<bool> stop_ = false, broken_ = false;
  std::atomic<std::uint64_t> lost_ = 0, refused_ = 0, no_frame_ = 0, unsent_ = 0;
  std::thread thread_;
};

}  // namespace tandem::engine
