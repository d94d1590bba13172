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
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "flow/flow_time.hpp"
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
  Duration keeps_sockets{};  // TCP of sockets that exist goes on for so long after a lease
  IpAddress asks_as{};  // meanwhile, neighbours are asked in its name; unspecified: there is none
};

struct SteeredService {
  IpAddress address;  // one of a router's
  bool udp = false;
  std::uint16_t port = 0;
  // 0: handed to the kernel. Else it has backends, and the rest says how it is forwarded; the
  // number is the caller's to keep stable, below TD_MAX_SERVICES.
  std::uint16_t number = 0;
  td_mode mode = TD_MODE_DSR;
  bool by_source = false;                // hash picks go by the client's address alone
  std::vector<std::uint16_t> sources{};  // fullnat: slots, at most TD_SERVICE_SOURCES
  bool routes_strays = false;            // nat: backends' packets of no flow are the kernel's
  // Handed to the kernel: the slot of td_traffic that counts it, below TD_MAX_BACKENDS; 0: none.
  std::uint16_t counted_in = 0;
};

// What replies of backends are known by.
struct SteeredReplies {
  struct Backend {  // of nat or fullnat
    IpAddress address;
    bool udp = false;
    std::uint16_t port = 0;
    std::uint16_t slot = 0;  // below TD_MAX_BACKENDS; of those alike, the first
  };
  struct Source {  // an address that fullnat connects from
    IpAddress address;
    std::uint16_t slot = 0;  // below TD_MAX_SOURCES
  };
  std::vector<Backend> backends;
  std::vector<Source> sources;
};

// What this node is on its links, and what no client can be.
struct SteeredHost {
  struct Mac {
    std::uint32_t ifindex = 0;
    MacAddress mac;
    auto operator<=>(const Mac&) const = default;
  };
  // Of devices, and of those on top of them (under the device that frames come in on). Of one
  // device the first is its own. The routers' are added.
  std::vector<Mac> macs{};
  // Its own, and the broadcast addresses of its networks. The virtual ones are added.
  std::vector<IpAddress> addresses{};
  bool any_mac = false;  // frames are taken for this node's whatever MAC they are to

  bool operator==(const SteeredHost&) const = default;
};

class Steering {
 public:
  using SeedSource = std::function<std::uint64_t()>;

  // memory: the mapped td_tables, of which this becomes the only writer. seeds: of the hash,
  // random if not given.
  explicit Steering(td_tables& memory, SeedSource seeds = {});

  // To begin with tables of an earlier run, or with empty ones: closes all gates. Addresses stay gated,
  // and what backends answer is known as such, until the next publish().
  void close_all();
  // By virtual address: until when sockets of it go on without a lease. Those for which they do not
  // are left out.
  [[nodiscard]] std::map<IpAddress, MonotonicTime> kept_sockets(MonotonicTime now) const;

  // Makes these the routers and services. Leases of slots that stay are untouched, slots that go
  // lose theirs. Errors, which leave everything as it was: more of a kind than tandem/abi.h has
  // room for, or virtual MACs that two routers share on one link.
  Result<void> publish(std::span<const SteeredRouter> routers,
                       std::span<const SteeredService> services, const SteeredReplies& replies = {},
                       const SteeredHost& host = {});
  // The table of hash picks of a service: blocks of td_pick_block, filled already. 0 entries: none.
  void set_picks(std::uint16_t service, std::uint32_t first_block, std::uint32_t entries) noexcept;
  // First packets that each virtual address hands over, and how long an idle one can save them up.
  // ICMP errors get the limit that they have by default.
  void set_budget(std::uint32_t new_per_second, Duration burst) noexcept;
  // ICMP errors about packets that cannot be sent on, TD_ERROR_BURST of them at once.
  void set_errors(std::uint32_t per_second) noexcept;
  // What leases of services with backends are gated by; without, they are never live. Before the
  // first lease is granted.
  void set_clock(const JiffyClock& clock) { clock_ = clock; }

  // The peer has sockets of the router's addresses, at that MAC, until then. nullopt: it has none.
  struct PeerSockets {
    MacAddress mac;
    MonotonicTime until;
  };
  void set_peer_sockets(std::uint16_t slot, const std::optional<PeerSockets>& at) noexcept;

  // VRRP thread. No allocation, no system call.
  void grant_lease(std::uint16_t slot, MonotonicTime deadline) noexcept;
  // Sockets that exist go on, from now on as from the end of a lease that nobody renewed.
  void revoke_lease(std::uint16_t slot, MonotonicTime now) noexcept;
  // Without a lease: until then sockets that exist go on.
  void keep_sockets(std::uint16_t slot, MonotonicTime until) noexcept;

 private:
  using Slots = std::map<IpAddress, std::uint16_t>;
  [[nodiscard]] Slots place(const std::set<IpAddress>& addresses) const;
  void write(std::span<const SteeredRouter> routers, std::span<const SteeredService> services,
             const SteeredReplies& replies, const Slots& placed);
  void write(const SteeredHost& host, bool has_nat, bool has_fullnat);
  void forget_all_but(std::span<const SteeredRouter> routers,
                      std::span<const SteeredService> services, const Slots& placed);

  td_tables& tables_;
  SeedSource seeds_;
  Slots vips_;  // in use
  std::optional<JiffyClock> clock_;
  // By slot: SteeredRouter::keeps_sockets, for the VRRP thread.
  std::array<std::atomic<Duration::rep>, TD_MAX_VROUTERS> keeps_sockets_{};
};

}  // namespace tandem::flow
