// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/interfaces.hpp"

#include <algorithm>
#include <set>

namespace tandem::doctor {
namespace {

bool is_dpdk(const config::Config& config) {
  return config.node.engine == "dpdk";
}

// Whether there is such a device and it is up.
bool judge_presence(const std::string& name, const Device& device, Findings& findings) {
  if (!device.exists) {
    findings.add(Check::interface_present, Severity::error, name, "does not exist", "ip link show");
    return false;
  }
  findings.good(Check::interface_present, name, "exists");
  if (!device.up)
    findings.add(Check::interface_up, Severity::error, name, "is down",
                 "ip link set dev " + name + " up");
  else if (!device.carrier)
    findings.add(Check::interface_up, Severity::error, name,
                 "is up, but has no carrier: the cable, or the switch's port");
  else
    findings.good(Check::interface_up, name, "is up");
  return true;
}

void judge_speed(const Device& device, Findings& findings) {
  if (device.duplex == "half")
    findings.add(Check::interface_speed, Severity::warning, device.name,
                 "runs at " + std::to_string(device.speed) + " Mbit/s, half duplex",
                 "ethtool -s " + device.name + " autoneg on");
  else if (device.speed > 0)
    findings.good(Check::interface_speed, device.name, std::to_string(device.speed) + " Mbit/s");
}

void judge_stack(const config::Config& config, const Device& device, const Network& network,
                 Findings& findings) {
  const auto add = [&](Severity severity, const std::string& what) {
    findings.add(Check::interface_stack, severity, device.name, what);
  };
  if (device.kind == "bond")
    return is_dpdk(config)
               ? add(Severity::error,
                     "is a bond: AF_XDP, and so the dpdk engine, works on its "
                     "ports only")
               : add(Severity::note,
                     "is a bond: XDP is native with Linux 5.15 and a mode that it knows "
                     "(active-backup, balance-rr, balance-xor, 802.3ad), and first packets of "
                     "flows come in by its ports; else it is generic");
  if (device.kind == "bridge")
    return add(Severity::warning, "is a bridge: XDP runs in generic mode there");
  if (device.master.empty()) return;
  const auto upper = network.devices.find(device.master);
  const std::string kind = upper == network.devices.end() ? "" : upper->second.kind;
  add(Severity::warning, "is a port of " + (kind.empty() ? "" : kind + " ") + device.master +
                             ": addresses belong there, and what XDP passes goes there");
}

void judge_xdp(const config::Interface& interface, const Device& device, Findings& findings) {
  const auto add = [&](Severity severity, const std::string& what, const std::string& fix = "") {
    findings.add(Check::interface_xdp, severity, device.name, what, fix);
  };
  const std::string driver = device.driver.empty() ? "its driver" : "driver " + device.driver;
  const bool wants_native = interface.xdp_mode == config::XdpMode::native;
  if (interface.xdp_mode == config::XdpMode::generic)
    add(Severity::note, "XDP runs in generic mode, as configured (xdp_mode)");
  else if (device.xdp == Attached::generic)
    add(Severity::warning, "XDP runs in generic mode: " + driver + " refused native mode",
        "dmesg | grep " + device.name);
  else if (device.xdp == Attached::native)
    add(Severity::ok, "XDP runs in native mode (" + driver + ")");
  else if (device.native_xdp == false)
    add(wants_native ? Severity::error : Severity::warning, driver + " has no native XDP");
  else if (device.native_xdp == true)
    add(Severity::ok, driver + " has native XDP");
  else
    add(Severity::note, driver + ": whether it has native XDP shows when tandemd attaches");
}

void judge_rings(const Device& device, Findings& findings) {
  constexpr unsigned kShort = 1024;
  if (!device.rings) return;
  const std::string sizes =
      std::to_string(device.rings->rx) + " of at most " + std::to_string(device.rings->most);
  const unsigned wanted = std::min(device.rings->most, 4 * kShort);
  if (device.rings->rx < kShort && device.rings->rx < device.rings->most)
    findings.add(Check::interface_rings, Severity::warning, device.name,
                 "its receive ring has " + sizes + " places",
                 "ethtool -G " + device.name + " rx " + std::to_string(wanted));
  else
    findings.good(Check::interface_rings, device.name, "its receive ring has " + sizes + " places");
}

void judge_irqs(const Device& device, const Network& network, Findings& findings) {
  if (device.irqs.size() < 2 || network.cpus.size() < 2) return;
  std::set<int> cpus;
  for (const Irq& irq : device.irqs) cpus.insert(irq.cpus.begin(), irq.cpus.end());
  if (cpus.size() > 1)
    return findings.good(Check::interface_irqs, device.name,
                         std::to_string(device.irqs.size()) + " interrupts on " +
                             std::to_string(cpus.size()) + " CPUs");
  std::string commands;
  for (std::size_t i = 0; i < device.irqs.size(); ++i)
    commands += (i == 0 ? "echo " : "\necho ") +
                std::to_string(network.cpus[i % network.cpus.size()]) + " > /proc/irq/" +
                std::to_string(device.irqs[i].number) + "/smp_affinity_list";
  findings.add(Check::interface_irqs, Severity::warning, device.name,
               "all " + std::to_string(device.irqs.size()) + " interrupts on one CPU", commands);
}

}  // namespace

Network read_network(const Root& root, const config::Config& config) {
  Network network;
  network.cpus = cpu_list(root.text("sys/devices/system/cpu/online").value_or("0"));
  for (const auto& name : device_names(root)) network.devices[name] = read_device(root, name);
  for (const auto& interface : config.interfaces)
    network.bottom[interface.name] =
        interface.device.empty() ? bottom_device(root, interface.name) : interface.device;
  return network;
}

void judge_interfaces(const config::Config& config, const Network& network, Findings& findings) {
  const auto device_of = [&](const std::string& name) {
    const auto it = network.devices.find(name);
    if (it != network.devices.end()) return it->second;
    Device missing;
    missing.name = name;
    return missing;
  };
  std::set<std::string> done;  // several VLANs of one device are judged once
  for (const auto& interface : config.interfaces) {
    const std::string& bottom = network.bottom.at(interface.name);
    if (!judge_presence(interface.name, device_of(interface.name), findings)) continue;
    const Device device = device_of(bottom);
    if (bottom != interface.name && !judge_presence(bottom, device, findings)) continue;
    if (!done.insert(bottom).second) continue;
    const bool reads_tags = std::ranges::any_of(config.interfaces, [&](const auto& other) {
      return network.bottom.at(other.name) == bottom &&
             (!other.vlan.empty() || other.name != bottom);
    });
    judge_speed(device, findings);
    judge_stack(config, device, network, findings);
    judge_xdp(interface, device, findings);
    judge_queues(config, device, network, findings);
    judge_rings(device, findings);
    judge_irqs(device, network, findings);
    judge_offloads(device, reads_tags, findings);
    for (const auto& [name, port] : network.devices)  // of a bond
      if (device.kind == "bond" && port.master == device.name)
        judge_offloads(port, reads_tags, findings);
  }
  judge_mtu(config, network, findings);
}

}  // namespace tandem::doctor
