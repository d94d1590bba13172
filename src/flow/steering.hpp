// SPDX-License-Identifier: Apache-2.0
// The steering tables (tandem/abi.h) seen from the daemon: which virtual routers, addresses and
// services there are, and who holds a lease.
//
// Two writers, on different words: the control thread publishes the layout, the VRRP thread
// grants and revokes leases. Readers (XDP, the packet core) never wait: every word is stored
// whole, a changed layout is built beside the one in use and switched to by one store. A virtual
// address keeps its slot for as long as it exists, so that a reader that began before the switch
// still finds the gate where it looks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "tandem/abi.h"

namespace tandem::flow {

struct SteeredRouter {
  std::uint16_t slot = 0;  // below TD_MAX_VROUTERS; the caller's to keep stable
  std::uint32_t ifindex = 0;
  std::array<std::uint16_t, 2> vlan{};  // outer first, 0: none
  Family family = Family::ipv4;
  std::uint8_t vrid = 0;
  bool accept = true;
  bool virtual_mac = false;
  MacAddress interface_mac;
  std::vector<IpAddress> addresses;
};

struct SteeredService {  // handed to the kernel
  IpAddress address;     // one of a router's
  bool udp = false;
  std::uint16_t port = 0;
};

class Steering {
 public:
  using SeedSource = std::function<std::uint64_t()>;

  // memory: the mapped td_tables, of which this becomes the only writer. seeds: of the hash,
  // random if not given.
  explicit Steering(td_tables& memory, SeedSource seeds = {});

  // Forgets everything: no address is gated any more.
  void clear();

  // Makes these the routers and services. Leases of slots that stay are untouched, slots that go
  // lose theirs. Errors, which leave everything as it was: more than TD_MAX_VIPS addresses or
  // TD_MAX_SERVICES services, or virtual MACs that two routers share on one link.
  Result<void> publish(std::span<const SteeredRouter> routers,
                       std::span<const SteeredService> services);

  // VRRP thread. No allocation, no system call.
  void grant_lease(std::uint16_t slot, MonotonicTime deadline) noexcept;
  void revoke_lease(std::uint16_t slot) noexcept;

 private:
  using Slots = std::map<IpAddress, std::uint16_t>;
  [[nodiscard]] Slots place(const std::set<IpAddress>& addresses) const;
  void forget_all_but(std::span<const SteeredRouter> routers, const Slots& placed);

  td_tables& tables_;
  SeedSource seeds_;
  Slots vips_;  // in use
};

}  // namespace tandem::flow
