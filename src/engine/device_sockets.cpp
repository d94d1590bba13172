// SPDX-License-Identifier: Apache-2.0
#include "engine/device_sockets.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "tandem/abi.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include "tandem.skel.h"  // generated C
#pragma GCC diagnostic pop

namespace tandem::engine {
namespace {

std::vector<std::uint32_t> keys_of(int table) {
  std::vector<std::uint32_t> keys;
  std::uint32_t next = 0;
  while (bpf_map_get_next_key(table, keys.empty() ? nullptr : &keys.back(), &next) == 0)
    keys.push_back(next);
  return keys;
}

}  // namespace

DeviceSockets::DeviceSockets(const tandem_bpf& skeleton, td_tables& tables)
    : xsks_(bpf_map__fd(skeleton.maps.td_xsks)),
      ports_(bpf_map__fd(skeleton.maps.td_ports)),
      tables_(&tables) {}

Result<void> DeviceSockets::give(unsigned ifindex, const std::string& name, int map) {
  Descriptor sockets(map >= 0 ? fcntl(map, F_DUPFD_CLOEXEC, 0)
                              : bpf_map_create(BPF_MAP_TYPE_XSKMAP, "td_sockets", sizeof(__u32),
                                               sizeof(__u32), TD_MAX_QUEUES, nullptr));
  const int fd = sockets.get();
  if (!sockets || bpf_map_update_elem(xsks_, &ifindex, &fd, BPF_ANY) != 0)
    return fail_errno(name + ": cannot give its sockets to the steering program");
  sockets_[ifindex] = std::move(sockets);
  return {};
}

void DeviceSockets::take(unsigned ifindex) {
  bpf_map_delete_elem(xsks_, &ifindex);
  sockets_.erase(ifindex);
}

int DeviceSockets::of(unsigned ifindex) const {
  const auto it = sockets_.find(ifindex);
  return it == sockets_.end() ? -1 : it->second.get();
}

// has_ports goes last when there come some, so that no frame finds the table half filled.
void DeviceSockets::set_ports(unsigned bond, std::span<const BondPort> ports,
                              const std::function<void(const std::string& line)>& log) {
  for (const std::uint32_t ifindex : keys_of(ports_)) {
    td_port port{};
    if (bpf_map_lookup_elem(ports_, &ifindex, &port) != 0 || port.bond != bond ||
        std::ranges::find(ports, ifindex, &BondPort::ifindex) != ports.end())
      continue;
    bpf_map_delete_elem(ports_, &ifindex);
    take(ifindex);
  }
  for (const BondPort& port : ports) {
    const td_port entry{bond, port.is_asleep ? 1U : 0U};
    if (bpf_map_update_elem(ports_, &port.ifindex, &entry, BPF_ANY) != 0)
      log(port.name + " is not known as a port: " + std::strerror(errno));
    if (sockets_.contains(port.ifindex)) continue;
    if (auto given = give(port.ifindex, port.name, -1); !given) log(given.error().message);
  }
  tables_->has_ports = keys_of(ports_).empty() ? 0 : 1;
}

void DeviceSockets::is_no_port(unsigned ifindex) {
  bpf_map_delete_elem(ports_, &ifindex);
}

}  // namespace tandem::engine
