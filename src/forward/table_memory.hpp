// SPDX-License-Identifier: Apache-2.0
// All that the packet core reads and writes, in ordinary memory of this process: for a node that
// has no kernel under it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "forward/forwarder.hpp"

namespace tandem::forward {

class TableMemory {
 public:
  // Room for so many flows in each table, and for so many source addresses of fullnat.
  TableMemory(std::uint32_t flows4, std::uint32_t flows6, std::uint32_t source_addresses)
      : source_addresses_(source_addresses),
        tables_(std::make_unique<td_tables>()),
        backends_(TD_MAX_BACKENDS),
        hops_(TD_MAX_HOPS),
        sources_(source_addresses * std::size_t{TD_SOURCE_PORTS}),
        picks_(TD_PICK_BLOCKS),
        fragments_(TD_FRAGMENTS),
        flow4_(flow::FlowTable4::elements_for(flows4)),
        flow6_(flow::FlowTable6::elements_for(flows6)) {}

  [[nodiscard]] td_tables& tables() { return *tables_; }
  [[nodiscard]] Forwarder::Memory memory() {
    return {{tables_.get(), backends_.data(), hops_.data(), sources_.data(), picks_.data(),
             fragments_.data(), flow4_.data(), flow6_.data(), source_addresses_},
            std::as_writable_bytes(std::span(flow4_)),
            std::as_writable_bytes(std::span(flow6_))};
  }

 private:
  std::uint32_t source_addresses_;
  std::unique_ptr<td_tables> tables_;
  std::vector<td_backend> backends_;
  std::vector<td_hop> hops_;
  std::vector<td_source> sources_;
  std::vector<td_pick_block> picks_;
  std::vector<td_fragment> fragments_;
  std::vector<td_flow4_bucket> flow4_;
  std::vector<td_flow6_bucket> flow6_;
};

}  // namespace tandem::forward
