// SPDX-License-Identifier: Apache-2.0
// The maps that the instances of the steering program and the daemon share: pinned, so that they
// outlive the daemon, and mapped, so that it reads and writes them without system calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "tandem/abi.h"
#include "tandem/tables.h"

struct bpf_object;

namespace tandem::engine {

// What the configuration decides of the maps' sizes.
struct MapSizes {
  std::uint32_t flow4_elements = 1;  // FlowTable4::elements_for(); 1: there is no table
  std::uint32_t flow6_elements = 1;
  std::uint32_t source_addresses = 1;  // of fullnat, that there is room for: 1 to TD_MAX_SOURCES

  bool operator==(const MapSizes&) const = default;
};

class SteeringMaps {
 public:
  using Log = std::function<void(const std::string& line)>;

  SteeringMaps() = default;
  SteeringMaps(const SteeringMaps&) = delete;
  SteeringMaps& operator=(const SteeringMaps&) = delete;
  ~SteeringMaps();

  // Before an object is loaded: its shared maps are to be those at the pins, or to be pinned there,
  // in these sizes.
  static Result<void> prepare(bpf_object& object, const std::string& pins, const MapSizes& sizes);
  // Removes pinned maps whose size is another one, with what is in them.
  static void drop_misfits(const std::string& pins, const MapSizes& sizes, const Log& log);
  // Maps those of a loaded object, once; the object outlives this.
  Result<void> map(bpf_object& object, const MapSizes& sizes);

  [[nodiscard]] td_tables& tables() const { return *static_cast<td_tables*>(at_[0].address); }
  // All that the packet core reads and writes.
  [[nodiscard]] td_env env() const;
  [[nodiscard]] std::span<std::byte> flow4() const;
  [[nodiscard]] std::span<std::byte> flow6() const;
  // Packets by reason, summed over the CPUs; one system call.
  [[nodiscard]] std::array<std::uint64_t, TD_REASON_COUNT> counters() const;
  // What a backend got and gave, summed over the CPUs; one system call.
  [[nodiscard]] td_traffic traffic(std::uint16_t backend) const;

 private:
  struct Mapping {
    void* address = nullptr;
    std::size_t bytes = 0;
  };
  std::array<Mapping, 8> at_;  // in the order of kMapped
  std::uint32_t source_addresses_ = 0;
  int counters_ = -1, traffic_ = -1;  // maps of the object
};

}  // namespace tandem::engine
