// SPDX-License-Identifier: Apache-2.0
// A node with virtual routers of every kind, in steering tables that may be the kernel's or in
// memory.
//
//   slot  VRID      link        addresses                     MAC        accept   lease
//   0     51 IPv4   plain       192.0.2.100                   interface  yes      yes
//   1     52 IPv4   plain       192.0.2.101                   virtual    no       yes
//   2     51 IPv6   plain       2001:db8::100, fe80::100      virtual    yes      yes
//   3     53 IPv4   VLAN 10     192.0.2.103                   virtual    yes      yes
//   4     54 IPv6   VLAN 20.30  2001:db8::104                 virtual    yes      yes
//   5     55 IPv4   other       198.51.100.105                virtual    yes      yes
//   6     56 IPv4   plain       192.0.2.106                   virtual    yes      no
//   7     57 IPv6   plain       2001:db8::107                 virtual    yes      no
//   8     58 IPv6   plain       2001:db8::108                 interface  no       yes
#pragma once

#include <array>
#include <chrono>
#include <vector>

#include "base/time.hpp"
#include "flow/steering.hpp"
#include "frames.hpp"
#include "tandem/abi.h"

namespace tandem::rig {

inline constexpr std::uint32_t kLink = 1;  // the loopback's: BPF_PROG_TEST_RUN wants one that is
inline constexpr std::uint32_t kOtherLink = 7;
inline constexpr MacAddress kOtherNodeMac{{0x02, 0, 0, 0, 0, 0x0b}};  // the node's, on kOtherLink

inline std::vector<flow::SteeredRouter> routers() {
  using frames::ip;
  const auto v4 = Family::ipv4, v6 = Family::ipv6;
  const MacAddress mac = frames::kNodeMac;
  return {
      {0, kLink, {}, v4, 51, true, false, mac, {ip("192.0.2.100")}},
      {1, kLink, {}, v4, 52, false, true, mac, {ip("192.0.2.101")}},
      {2, kLink, {}, v6, 51, true, true, mac, {ip("2001:db8::100"), ip("fe80::100")}},
      {3, kLink, {10, 0}, v4, 53, true, true, mac, {ip("192.0.2.103")}},
      {4, kLink, {20, 30}, v6, 54, true, true, mac, {ip("2001:db8::104")}},
      {5, kOtherLink, {}, v4, 55, true, true, kOtherNodeMac, {ip("198.51.100.105")}},
      {6, kLink, {}, v4, 56, true, true, mac, {ip("192.0.2.106")}},
      {7, kLink, {}, v6, 57, true, true, mac, {ip("2001:db8::107")}},
      {8, kLink, {}, v6, 58, false, false, mac, {ip("2001:db8::108")}},
  };
}

// A service of the node's own, counted in the slot.
inline flow::SteeredService local(const IpAddress& address, bool udp, std::uint16_t port,
                                  std::uint16_t slot) {
  return {.address = address, .udp = udp, .port = port, .counted_in = slot};
}

// No backend's of the tests.
inline constexpr std::array<std::uint16_t, 5> kCountedIn{9001, 9002, 9003, 9004, 9005};

inline std::vector<flow::SteeredService> services() {
  using frames::ip;
  return {
      local(ip("192.0.2.101"), false, 80, kCountedIn[0]),
      local(ip("192.0.2.101"), true, 53, kCountedIn[1]),
      local(ip("192.0.2.100"), false, 80, kCountedIn[2]),
      local(ip("2001:db8::100"), false, 443, kCountedIn[3]),
      local(ip("2001:db8::108"), false, 443, kCountedIn[4]),
  };
}

inline constexpr MacAddress kVlanMac{{0x02, 0, 0, 0, 0, 0x0c}};  // of a device on top of kLink

// Besides what the virtual routers tell.
inline flow::SteeredHost host() {
  using frames::ip;
  return {.macs = {{kLink, frames::kNodeMac}, {kLink, kVlanMac}},
          .addresses = {ip("192.0.2.2"), ip("192.0.2.0"), ip("192.0.2.255"), ip("198.51.100.254"),
                        ip("2001:db8::2")}};
}

// Publishes them and grants the leases, until a deadline that no test sees.
inline Result<void> fill(flow::Steering& steering) {
  if (auto published = steering.publish(routers(), services(), {}, host()); !published)
    return published;
  for (const std::uint16_t slot : std::array<std::uint16_t, 7>{0, 1, 2, 3, 4, 5, 8})
    steering.grant_lease(slot, MonotonicClock::now() + std::chrono::hours(1));
  return {};
}

}  // namespace tandem::rig
