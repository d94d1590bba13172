// SPDX-License-Identifier: Apache-2.0
#include "engine/steering_maps.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "base/descriptor.hpp"

namespace tandem::engine {
namespace {

// In the order of td_env.
enum Mapped : std::size_t { tables, backends, hops, sources, picks, fragments, flow4, flow6 };
constexpr std::array kMapped = {"td_tables", "td_backends",  "td_hops",  "td_sources",
                                "td_picks",  "td_fragments", "td_flow4", "td_flow6"};
// Shared, but not mapped.
constexpr std::array kOthers = {"td_counters", "td_traffic",  "td_adverts",
                                "td_ends",     "td_captured", "td_capturing",
                                "td_journey",  "td_ports",    "td_xsks"};

struct Sized {
  const char* name;
  std::uint32_t entries;
};
std::array<Sized, 3> sized(const MapSizes& sizes) {
  return {{{kMapped[flow4], sizes.flow4_elements},
           {kMapped[flow6], sizes.flow6_elements},
           {kMapped[sources], sizes.source_addresses * std::uint32_t{TD_SOURCE_PORTS}}}};
}

std::string pin_of(const std::string& pins, const char* name) {
  return pins + "/" + name;
}

// The entry of a map that has one for each CPU; none if it cannot be read.
template <class Entry>
std::vector<Entry> of_cpus(int map, std::uint32_t key) {
  std::vector<Entry> entries(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(map, &key, entries.data()) != 0) entries.clear();
  return entries;
}

}  // namespace

SteeringMaps::~SteeringMaps() {
  for (const Mapping& mapping : at_)
    if (mapping.address != nullptr) munmap(mapping.address, mapping.bytes);
}

Result<void> SteeringMaps::prepare(bpf_object& object, const std::string& pins,
                                   const MapSizes& sizes) {
  const auto pin = [&](const char* name) -> Result<void> {
    const std::string path = pin_of(pins, name);
    bpf_map* map = bpf_object__find_map_by_name(&object, name);
    if (const int error = bpf_map__set_pin_path(map, path.c_str()); error != 0)
      return fail_errno("cannot pin " + path, -error);
    return {};
  };
  for (const char* name : kMapped)
    if (auto done = pin(name); !done) return done;
  for (const char* name : kOthers)
    if (auto done = pin(name); !done) return done;
  for (const auto& [name, entries] : sized(sizes))
    bpf_map__set_max_entries(bpf_object__find_map_by_name(&object, name), entries);
  return {};
}

void SteeringMaps::drop_misfits(const std::string& pins, const MapSizes& sizes, const Log& log) {
  for (const auto& [name, entries] : sized(sizes)) {
    const std::string path = pin_of(pins, name);
    const Descriptor map(bpf_obj_get(path.c_str()));
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0) continue;
    if (info.max_entries == entries) continue;
    log(std::string(name) + " has another size than before: what was in it is lost");
    unlink(path.c_str());
  }
}

Result<void> SteeringMaps::map(bpf_object& object, const MapSizes& sizes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t i = 0; i < kMapped.size(); i++) {
    const bpf_map* map = bpf_object__find_map_by_name(&object, kMapped[i]);
    const std::size_t bytes = std::size_t{bpf_map__value_size(map)} * bpf_map__max_entries(map);
    const std::size_t whole = (bytes + page - 1) / page * page;
    void* address = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (address == MAP_FAILED) return fail_errno("cannot map " + std::string(kMapped[i]));
    at_[i] = {address, bytes};
  }
  source_addresses_ = sizes.source_addresses;
  counters_ = bpf_object__find_map_fd_by_name(&object, "td_counters");
  traffic_ = bpf_object__find_map_fd_by_name(&object, "td_traffic");
  return {};
}

td_env SteeringMaps::env() const {
  td_env env{};
  env.tables = static_cast<td_tables*>(at_[Mapped::tables].address);
  env.backends = static_cast<td_backend*>(at_[Mapped::backends].address);
  env.hops = static_cast<td_hop*>(at_[Mapped::hops].address);
  env.sources = static_cast<td_source*>(at_[Mapped::sources].address);
  env.picks = static_cast<td_pick_block*>(at_[Mapped::picks].address);
  env.fragments = static_cast<td_fragment*>(at_[Mapped::fragments].address);
  env.flow4 = at_[Mapped::flow4].address;
  env.flow6 = at_[Mapped::flow6].address;
  env.source_addresses = source_addresses_;
  return env;
}

std::span<std::byte> SteeringMaps::flow4() const {
  return {static_cast<std::byte*>(at_[Mapped::flow4].address), at_[Mapped::flow4].bytes};
}

std::span<std::byte> SteeringMaps::flow6() const {
  return {static_cast<std::byte*>(at_[Mapped::flow6].address), at_[Mapped::flow6].bytes};
}

std::array<std::uint64_t, TD_REASON_COUNT> SteeringMaps::counters() const {
  std::array<std::uint64_t, TD_REASON_COUNT> sum{};
  for (const auto& counters : of_cpus<td_counters>(counters_, 0))
    for (std::size_t i = 0; i < sum.size(); i++) sum[i] += counters.packets[i];
  return sum;
}

td_traffic SteeringMaps::traffic(std::uint16_t backend) const {
  td_traffic sum{};
  for (const auto& traffic : of_cpus<td_traffic>(traffic_, backend)) {
    sum.in_packets += traffic.in_packets;
    sum.in_bytes += traffic.in_bytes;
    sum.out_packets += traffic.out_packets;
    sum.out_bytes += traffic.out_bytes;
  }
  return sum;
}

}  // namespace tandem::engine
