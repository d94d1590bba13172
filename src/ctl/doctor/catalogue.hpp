// SPDX-License-Identifier: Apache-2.0
// Everything that the doctor looks at: what, why it matters, what fixes it. docs/doctor.md is
// written from here, and so is the "why" of each finding.
#pragma once

#include <cstdint>
#include <span>

namespace tandem::doctor {

enum class Area : std::uint8_t {
  configuration,
  daemon,
  vrrp,
  addresses,
  kernel,
  interfaces,
  neighbours,
  firewall,
  sysctls,
  workers,
  host
};

// In the order of their areas, as the page lists them.
enum class Check : std::uint8_t {
  config_problems,
  config_permissions,
  daemon_running,
  daemon_warnings,
  leftover_pins,
  vrrp_other_daemon,
  vrrp_speakers,
  vrrp_peer,
  vrrp_foreign,
  address_conflict,
  address_own,
  address_leftover,
  kernel_program,
  kernel_features,
  kernel_btf,
  kernel_jit,
  kernel_bpffs,
  kernel_egress,
  kernel_af_xdp,
  kernel_memlock,
  interface_present,
  interface_up,
  interface_speed,
  interface_stack,
  interface_xdp,
  interface_queues,
  interface_rings,
  interface_irqs,
  interface_lro,
  interface_vlan,
  interface_mtu,
  tunnel_mtu,
  rp_filter,
  arp_ignore,
  ungated_interface,
  backend_arp,
  firewall_vrrp,
  firewall_service,
  firewall_legacy,
  local_listener,
  ip_forward,
  somaxconn,
  syn_backlog,
  device_backlog,
  file_max,
  conntrack,
  huge_pages,
  hugetlbfs,
  worker_cpus,
  driver_binding,
  clock_synchronised,
  clock_source,
  cpu_governor,
  irqbalance,
  selinux
};

struct Description {
  Check check;
  const char* name;  // stable: scripts select by it
  Area area;
  const char* looks_at;
  const char* why;
  const char* fix;
};

[[nodiscard]] const char* to_string(Area area) noexcept;
[[nodiscard]] std::span<const Description> catalogue() noexcept;
[[nodiscard]] const Description& describe(Check check) noexcept;

}  // namespace tandem::doctor
