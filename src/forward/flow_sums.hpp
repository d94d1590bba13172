// SPDX-License-Identifier: Apache-2.0
// Sums over the flows of a service, by which two nodes prove that they have the same ones.
//
// A flow has a fingerprint of 64 bits, made of what names it on both nodes alike (client, service,
// backend, fullnat's source port), and lies in one of 256 ranges by the hash of its key. The sum of
// a range is that of its fingerprints, modulo 2^64: it takes one addition to keep it, and two sets
// that differ have the same sum with probability 2^-64. Numbers of services and backends differ
// between nodes, so their identities are used.
//
// The data thread adds and subtracts; any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "balance/mix.hpp"
#include "forward/flow_id.hpp"
#include "tandem/abi.h"

namespace tandem::forward {

class FlowSums {
 public:
  static constexpr unsigned kRanges = 256;

  // secret: the same on both nodes, and unknown to clients.
  explicit FlowSums(std::uint64_t secret)
      : secret_(secret),
        services_(TD_MAX_SERVICES),
        backends_(TD_MAX_BACKENDS),
        sums_(TD_MAX_SERVICES) {}

  // What a number stands for. No flow of it may be there while that changes. Data thread.
  void set_service(std::uint16_t number, std::uint64_t identity) {
    if (!sums_[number]) sums_[number] = std::make_unique<Sums>();
    services_[number].store(identity, std::memory_order_release);
  }
  void set_backend(std::uint16_t slot, std::uint64_t identity) {
    backends_[slot].store(identity, std::memory_order_release);
  }

  // Any thread: the hash of a key, the same on both nodes.
  [[nodiscard]] std::uint64_t hash(const FlowId& name) const {
    std::uint64_t h = balance::mix(secret_ ^ name.client[0]);
    h = balance::mix(h ^ name.client[1]);
    h = balance::mix(h ^ name.port ^ std::uint64_t{name.family} << 32);
    return balance::mix(h ^ services_[name.service].load(std::memory_order_acquire));
  }
  static constexpr unsigned range_of(std::uint64_t hash) {
    return static_cast<unsigned>(hash >> 56);
  }

  // Data thread. source_port: fullnat's, else 0.
  void add(const FlowId& name, std::uint16_t backend, std::uint16_t source_port) {
    change(name, backend, source_port, 1);
  }
  void subtract(const FlowId& name, std::uint16_t backend, std::uint16_t source_port) {
    change(name, backend, source_port, ~std::uint64_t{0});
  }

  // Any thread. 0 where there is no such service.
  [[nodiscard]] std::uint64_t sum(std::uint16_t service, unsigned range) const {
    if (services_[service].load(std::memory_order_acquire) == 0) return 0;
    return (*sums_[service])[range].load(std::memory_order_acquire);
  }

 private:
  using Sums = std::array<std::atomic<std::uint64_t>, kRanges>;

  void change(const FlowId& name, std::uint16_t backend, std::uint16_t source_port,
              std::uint64_t factor) {
    const std::uint64_t key = hash(name);
    const std::uint64_t print =
        balance::mix(key ^ backends_[backend].load(std::memory_order_relaxed) ^
                     std::uint64_t{source_port} << 48);
    auto& sum = (*sums_[name.service])[range_of(key)];
    sum.store(sum.load(std::memory_order_relaxed) + factor * print, std::memory_order_release);
  }

  std::uint64_t secret_;
  std::vector<std::atomic<std::uint64_t>> services_, backends_;  // identities by number
  std::vector<std::unique_ptr<Sums>> sums_;  // by service; one that was made stays
};

}  // namespace tandem::forward
