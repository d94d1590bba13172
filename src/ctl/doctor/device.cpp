// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/device.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>

namespace tandem::doctor {
namespace {

constexpr int kDeepestDevice = 8;  // the kernel's limit on nested devices

std::string directory(const std::string& name) {
  return "sys/class/net/" + name + "/";
}

std::string last_part(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

std::string kind_of(const Root& root, const std::string& name) {
  for (const auto& line : lines(root.text(directory(name) + "uevent").value_or("")))
    if (line.starts_with("DEVTYPE=")) return line.substr(8);
  return "";
}

std::string lower_of(const Root& root, const std::string& name) {
  for (const auto& entry : root.list(directory(name)))
    if (entry.starts_with("lower_")) return entry.substr(6);
  return "";
}

// "0x1003"
unsigned flags_of(const Root& root, const std::string& name) {
  const auto text = root.text(directory(name) + "flags").value_or("0x0");
  unsigned flags = 0;
  if (text.starts_with("0x"))
    std::from_chars(text.data() + 2, text.data() + text.size(), flags, 16);
  return flags;
}

// A NIC's own, or those of the device above it (virtio's queues are interrupts of the PCI device).
std::vector<Irq> irqs_of(const Root& root, const std::string& name) {
  std::vector<Irq> irqs;
  for (const char* place : {"device/msi_irqs", "device/../msi_irqs"}) {
    for (const auto& entry : root.list(directory(name) + place)) {
      const auto number = to_number(entry);
      if (!number) continue;
      const std::string at = "proc/irq/" + entry + "/";
      auto cpus = root.text(at + "effective_affinity_list");
      if (!cpus || cpus->empty()) cpus = root.text(at + "smp_affinity_list");
      if (cpus) irqs.push_back({static_cast<int>(*number), cpu_list(*cpus)});
    }
    if (!irqs.empty()) break;
  }
  return irqs;
}

std::optional<IpPrefix> prefix_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr || entry.ifa_netmask == nullptr) return std::nullopt;
  std::array<std::uint8_t, 16> address{};
  std::array<std::uint8_t, 16> mask{};
  const auto take = [&](std::size_t offset, std::size_t length) {
    std::memcpy(address.data(), reinterpret_cast<const char*>(entry.ifa_addr) + offset, length);
    std::memcpy(mask.data(), reinterpret_cast<const char*>(entry.ifa_netmask) + offset, length);
  };
  IpPrefix prefix;
  if (entry.ifa_addr->sa_family == AF_INET) {
    take(offsetof(sockaddr_in, sin_addr), 4);
    prefix.address = IpAddress::v4(std::span(address).first<4>());
  } else if (entry.ifa_addr->sa_family == AF_INET6) {
    take(offsetof(sockaddr_in6, sin6_addr), 16);
    prefix.address = IpAddress::v6(address);
  } else {
    return std::nullopt;
  }
  prefix.length = 0;
  for (const auto byte : mask)
    prefix.length = static_cast<std::uint8_t>(prefix.length + std::popcount(byte));
  return prefix;
}

}  // namespace

Device read_device(const Root& root, const std::string& name) {
  Device device;
  device.name = name;
  const std::string at = directory(name);
  device.exists = root.exists(at + "ifindex");
  if (!device.exists) return device;
  device.up = (flags_of(root, name) & IFF_UP) != 0;
  device.carrier = root.number(at + "carrier").value_or(0) == 1;
  device.speed = root.number(at + "speed").value_or(-1);
  device.duplex = root.text(at + "duplex").value_or("");
  device.mtu = root.number(at + "mtu").value_or(0);
  device.kind = kind_of(root, name);
  device.master = last_part(root.link(at + "master").value_or(""));
  device.driver = last_part(root.link(at + "device/driver").value_or(""));
  if (device.kind == "vlan") device.lower = lower_of(root, name);
  device.irqs = irqs_of(root, name);
  return device;
}

std::map<std::string, std::vector<IpPrefix>> read_addresses() {
  std::map<std::string, std::vector<IpPrefix>> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next)
    if (const auto prefix = prefix_of(*entry)) {
      // An IPv4 address with a label is listed under it: "eth0:vip1".
      const std::string name = entry->ifa_name;
      addresses[name.substr(0, name.find(':'))].push_back(*prefix);
    }
  freeifaddrs(list);
  return addresses;
}

std::string bottom_device(const Root& root, const std::string& name) {
  std::string bottom = name;
  for (int depth = 0; depth < kDeepestDevice && kind_of(root, bottom) == "vlan"; ++depth) {
    const std::string lower = lower_of(root, bottom);
    if (lower.empty()) break;
    bottom = lower;
  }
  return bottom;
}

std::vector<std::string> device_names(const Root& root) {
  return root.list("sys/class/net");
}

}  // namespace tandem::doctor
