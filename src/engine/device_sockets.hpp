// SPDX-License-Identifier: Apache-2.0
// Where the steering program finds the AF_XDP sockets of a device (td_xsks), and the ports of bonds
// (td_ports): natively a bond's frames come in on its ports, with their queues.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"

struct tandem_bpf;
struct td_tables;

namespace tandem::engine {

struct BondPort {
  std::uint32_t ifindex = 0;
  std::string name;
  bool is_asleep = false;  // the bond takes no frames from it
};

class DeviceSockets {
 public:
  DeviceSockets() = default;
  // Both outlive it.
  DeviceSockets(const tandem_bpf& skeleton, td_tables& tables);

  // map: an XSKMAP, which stays the caller's; -1: an empty one. name: of the device, for the error.
  Result<void> give(unsigned ifindex, const std::string& name, int map);
  void take(unsigned ifindex);
  // The XSKMAP of a device or of a bond's port, by queue; -1 if there is none.
  [[nodiscard]] int of(unsigned ifindex) const;

  // Of a bond that the program is on natively: frames come in on these ports, and no others.
  // log: gets a line for each port that could not be entered.
  void set_ports(unsigned bond, std::span<const BondPort> ports,
                 const std::function<void(const std::string& line)>& log);
  // The device is no bond's port, though it may have been one.
  void is_no_port(unsigned ifindex);

 private:
  int xsks_ = -1, ports_ = -1;  // the maps, which are the skeleton's
  td_tables* tables_ = nullptr;
  std::map<unsigned, Descriptor> sockets_;  // the XSKMAPs, by device
};

}  // namespace tandem::engine
