// SPDX-License-Identifier: Apache-2.0
// A network device as facts: what sysfs, the driver (by ethtool's ioctl) and the kernel's XDP tell.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "ctl/doctor/root.hpp"

namespace tandem::doctor {

struct Feature {
  bool on = false;
  bool fixed = false;  // the driver does not let it be changed
};

struct Channels {  // those that receive; combined ones included
  unsigned rx = 0;
  unsigned most = 0;
  bool combined = false;  // how ethtool calls them
};

struct Rings {
  unsigned rx = 0;
  unsigned most = 0;
};

struct Irq {
  int number = 0;
  std::vector<int> cpus;
};

enum class Attached : std::uint8_t { unknown, nothing, native, generic };

struct Device {
  std::string name;
  bool exists = false;
  bool up = false;  // administratively
  bool carrier = false;
  std::int64_t speed = -1;  // Mbit/s; -1: not told
  std::string duplex;       // "full", "half", "unknown" or empty
  std::int64_t mtu = 0;
  std::string kind;    // "bond", "bridge", "vlan", ...; empty: plain
  std::string master;  // the bond or bridge that it is a port of
  std::string lower;   // of a VLAN device
  std::string driver;
  std::optional<Channels> channels;
  std::optional<Rings> rings;
  std::map<std::string, Feature> features;  // by ethtool's names
  std::vector<Irq> irqs;                    // those of a physical device
  Attached xdp = Attached::unknown;
  std::optional<bool> native_xdp;  // what the driver says of itself, where the kernel tells
  std::vector<IpPrefix> addresses;
};

// What files tell.
[[nodiscard]] Device read_device(const Root& root, const std::string& name);
// What only the kernel can be asked for, about a device of this network namespace.
void ask_driver(Device& device);
void ask_xdp(Device& device);
// Addresses of all devices of this network namespace.
[[nodiscard]] std::map<std::string, std::vector<IpPrefix>> read_addresses();

// The device under a VLAN device, and so on down: where frames come in.
[[nodiscard]] std::string bottom_device(const Root& root, const std::string& name);
[[nodiscard]] std::vector<std::string> device_names(const Root& root);

}  // namespace tandem::doctor
