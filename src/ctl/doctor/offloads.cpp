// SPDX-License-Identifier: Apache-2.0
// What a NIC does to frames before XDP sees them.
#include "ctl/doctor/interfaces.hpp"

namespace tandem::doctor {
namespace {

// Those of these features that are on.
std::vector<std::string> switched_on(const Device& device, std::initializer_list<const char*> names,
                                     bool& changeable) {
  std::vector<std::string> on;
  for (const char* name : names)
    if (const auto it = device.features.find(name); it != device.features.end() && it->second.on) {
      on.emplace_back(name);
      changeable = changeable && !it->second.fixed;
    }
  return on;
}

void judge(Check check, Severity severity, const Device& device,
           std::initializer_list<const char*> names, Findings& findings) {
  bool changeable = true;
  const auto on = switched_on(device, names, changeable);
  if (on.empty())
    return findings.good(check, device.name, listed({names.begin(), names.end()}) + " off");
  std::string command = "ethtool -K " + device.name;
  for (const auto& name : on) command += " " + name + " off";
  findings.add(
      check, severity, device.name,
      listed(on) + " on" + (changeable ? "" : ", and the driver does not let it be changed"),
      changeable ? command : "");
}

}  // namespace

void judge_offloads(const Device& device, bool reads_tags, Findings& findings) {
  if (device.features.empty()) return;
  judge(Check::interface_lro, Severity::warning, device, {"rx-lro", "rx-gro-hw"}, findings);
  if (reads_tags && device.kind != "bond")  // whose ports take tags off, or do not
    judge(Check::interface_vlan, Severity::error, device,
          {"rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"}, findings);
}

}  // namespace tandem::doctor
