// SPDX-License-Identifier: Apache-2.0
// A port: one DPDK ethdev, made by name, with as many queues as workers need. Workers use it by its
// number, with DPDK's own burst calls; this is what makes it, asks it and takes it away.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/address.hpp"
#include "base/result.hpp"

struct rte_mempool;

namespace tandem::engine {

// Where frames are: mbufs, all of one size.
class FramePool {
 public:
  // frames: so many at least. bytes: of a frame, without the headroom. Error: no memory.
  static Result<FramePool> create(const std::string& name, std::uint32_t frames,
                                  std::uint32_t bytes);
  FramePool(FramePool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
  FramePool& operator=(FramePool&&) = delete;
  ~FramePool();

  [[nodiscard]] rte_mempool* get() const { return pool_; }
  [[nodiscard]] std::uint32_t free() const;
  [[nodiscard]] std::uint32_t size() const;
  [[nodiscard]] std::uint32_t bytes() const;  // of a frame

 private:
  explicit FramePool(rte_mempool* pool) : pool_(pool) {}
  rte_mempool* pool_;
};

struct PortOptions {
  std::string bus;              // "vdev" or "pci"
  std::string device;           // "net_af_xdp0", "0000:03:00.0"
  std::string arguments{};      // "iface=eth0,queue_count=2"; may be empty
  std::uint16_t rx_queues = 1;  // as many, or as the device has
  std::uint16_t tx_queues = 1;
  std::uint16_t descriptors = 1024;  // of each queue
  bool promiscuous = false;          // takes frames for other MACs: virtual ones
};

struct PortCounters {
  std::uint64_t received = 0, sent = 0;
  std::uint64_t missed = 0;    // the device had no descriptor left: workers are too slow
  std::uint64_t no_frame = 0;  // the pool had none left
  std::uint64_t errors = 0;
};

class Port {
 public:
  // Made, with its queues, and started. Errors name the device and say what is missing.
  static Result<std::unique_ptr<Port>> open(const PortOptions& options, const FramePool& pool);
  // No worker may use it any more.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] std::uint16_t id() const { return id_; }
  [[nodiscard]] const PortOptions& options() const { return options_; }
  [[nodiscard]] PortCounters counters() const;
  [[nodiscard]] MacAddress mac() const;
  [[nodiscard]] std::uint32_t mtu() const;
  [[nodiscard]] bool has_link() const;
  // It was unplugged: nothing works any more but to close it.
  [[nodiscard]] bool is_gone() const { return gone_; }

 private:
  Port(PortOptions options, std::uint16_t id) : options_(std::move(options)), id_(id) {}
  Result<void> set_up(const FramePool& pool);
  void watch();

  PortOptions options_;
  std::uint16_t id_;
  std::atomic<bool> gone_ = false;
};

}  // namespace tandem::engine
