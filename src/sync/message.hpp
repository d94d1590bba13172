// SPDX-License-Identifier: Apache-2.0
// The messages of flow synchronization: values, and their form on the wire.
//
//   frame    length of the payload (4 bytes, at most kMostPayload), type (1), payload
//   payload  fields in network order, as the structs below list them
//
// A frame of an unknown type is skipped, and so are bytes behind the fields that this version knows:
// so a later version can add both. Numbers of services, backends and next hops are the sender's; it
// names each before it uses it (ServiceName, BackendName, HopName), and names it again when the
// number stands for something else.
//
// No I/O here: bytes in, values out.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"
#include "forward/flow_sums.hpp"

namespace tandem::sync {

inline constexpr std::uint32_t kMagic = 0x54445359;  // "TDSY"
inline constexpr std::uint16_t kOldestVersion = 1, kNewestVersion = 1;
inline constexpr std::size_t kMostPayload = 65'535;

using Ranges = std::bitset<forward::FlowSums::kRanges>;

// The first message of each side.
struct Hello {
  std::uint16_t oldest = kOldestVersion, newest = kNewestVersion;  // versions that it can speak
  std::uint64_t boot = 0;                                          // another one in each process
  std::uint32_t capacity4 = 0, capacity6 = 0;                      // flows
  std::string node;                                                // its name, at most 255 bytes
};

struct ServiceName {
  std::uint16_t number = 0;
  std::uint8_t mode = 0;      // enum td_mode
  std::uint8_t protocol = 0;  // TCP or UDP
  std::uint16_t port = 0;
  IpAddress address;
  std::vector<IpAddress> sources;  // fullnat's, at most 8

  bool operator==(const ServiceName&) const = default;
};

struct BackendName {
  std::uint16_t slot = 0;
  std::uint16_t service = 0;
  std::uint16_t port = 0;
  IpAddress address;

  bool operator==(const BackendName&) const = default;
};

// Where a client is: its MAC, or its router's, and the VLAN tags in front.
struct HopName {
  std::uint16_t number = 0;
  MacAddress destination;
  std::array<std::uint16_t, 2> vlan{}, tpid{};

  bool operator==(const HopName&) const = default;
};

// A flow as its owner has it: 16 bytes with IPv4, 28 with IPv6.
struct FlowRecord {
  std::array<std::uint64_t, 2> client{};  // as forward::FlowId
  std::uint16_t port = 0;
  std::uint16_t service = 0;
  std::uint16_t backend = 0;
  std::uint16_t source_port = 0;  // fullnat
  std::uint8_t state = 0;         // enum td_flow_state
  std::uint8_t source = 0;        // fullnat: which of the service's source addresses
  std::uint16_t hop = 0;          // nat, fullnat; 0: not known
};
template <int Family>
struct Flows {
  std::vector<FlowRecord> flows;
};
template <int Family>
struct Gone {
  std::vector<FlowRecord> flows;  // the key alone counts
};

// Sums of ranges, at this very point of the stream.
struct Check {
  std::uint16_t service = 0;
  std::uint16_t range = 0;
  std::uint64_t sum = 0;
};
struct Checks {
  std::vector<Check> checks;
};

enum class Verdict : std::uint8_t { equal = 0, differs = 1, unknown_service = 2 };
struct Outcome {
  std::uint16_t service = 0;  // by the number of whoever sent the check
  std::uint16_t range = 0;
  Verdict verdict = Verdict::differs;
};
struct Outcomes {
  std::vector<Outcome> outcomes;
};

// Between these two come all flows of some ranges of a service; what is in them and does not come
// is not there.
struct RepairBegin {
  std::uint16_t service = 0;
  Ranges ranges;
};
struct RepairEnd {
  std::uint16_t service = 0;
};

// Sent ten times a second: a sign of life, and the clock by which lag is measured.
struct Status {
  std::uint64_t sent_ns = 0;    // the sender's CLOCK_MONOTONIC
  std::uint64_t echoed_ns = 0;  // `sent_ns` of the last Status that it has applied; 0: none
};

// What the sender's virtual routers are: a second heartbeat, beside the adverts. A virtual router is
// named by its VRID and by the lowest of its advertised addresses, which both nodes know.
struct RouterRole {
  std::uint8_t vrid = 0;
  IpAddress address;
  std::uint8_t state = 0;  // enum vrrp::State
  std::uint8_t priority = 0;
  std::uint8_t serves = 0;

  bool operator==(const RouterRole&) const = default;
};
struct Roles {
  std::uint64_t sent_ns = 0;    // the sender's CLOCK_MONOTONIC
  std::uint64_t echoed_ns = 0;  // `sent_ns` of the last Roles that it has received; 0: none
  std::vector<RouterRole> routers;
};

// Clients that affinity holds: 13 bytes with IPv4, 25 with IPv6.
struct ClientRecord {
  std::array<std::uint64_t, 2> client{};  // as forward::FlowId
  std::uint16_t service = 0;
  std::uint16_t backend = 0;
  std::uint32_t held_for_ms = 0;  // from now on
  std::uint8_t decides = 0;       // 1: the sender holds the lease of the service
};
template <int Family>
struct Clients {
  std::vector<ClientRecord> clients;
};

// A backend by its addresses, which both nodes know it by.
struct BackendKey {
  std::uint8_t protocol = 0;  // of the service: TCP or UDP
  IpAddress service;
  std::uint16_t service_port = 0;
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const BackendKey&) const = default;
};

// What the operator has set of a backend at run time; see wish_book.hpp. version 0: nothing was.
struct BackendWish {
  static constexpr std::uint64_t kLastVersion = std::uint64_t{1} << 62;
  struct Drain {
    std::uint64_t version = 0;
    bool drained = false;
    std::string node;  // where it was set, at most 255 bytes
    bool operator==(const Drain&) const = default;
  };
  struct Weight {
    std::uint64_t version = 0;
    std::uint16_t weight = 0;
    std::uint16_t configured = 0;  // in the file where it was set
    std::string node;
    bool operator==(const Weight&) const = default;
  };
  BackendKey backend;
  Drain drain;
  Weight weight;

  bool operator==(const BackendWish&) const = default;
};

// Over all wishes of the sender: see WishBook::sum().
struct WishSum {
  std::uint64_t sum = 0;
};

// Sockets of services that the sender serves itself, by virtual router.
struct RouterSockets {
  IpAddress address;           // one of the router's, by which both know it
  MacAddress mac;              // where TCP of these sockets is taken
  std::uint32_t keeps_ms = 0;  // for so long from now on, also without a lease; 0: it is not
  std::uint32_t left = 0;      // sockets that exist

  bool operator==(const RouterSockets&) const = default;
};
// Those of all its virtual routers: one that is not named has none.
struct LocalSockets {
  std::vector<RouterSockets> routers;
};

// Asks for an Ack of the same number, once all that came before is applied.
struct AckRequest {
  std::uint64_t number = 0;
};
struct Ack {
  std::uint64_t number = 0;
  // Services of which something could not be applied since the last Ack; by the asker's numbers.
  std::vector<std::uint16_t> lacking;
};

using Message = std::variant<Hello, ServiceName, BackendName, HopName, Flows<4>, Flows<6>, Gone<4>,
                             Gone<6>, Checks, Outcomes, RepairBegin, RepairEnd, Status, BackendWish,
                             WishSum, Clients<4>, Clients<6>, Roles, LocalSockets, AckRequest, Ack>;

// Appends the message, in as many frames as it takes.
void append(std::vector<std::uint8_t>& out, const Message& message);

// One frame of a stream, and how many bytes it took.
struct Frame {
  std::optional<Message> message;  // none: of an unknown type
  std::size_t bytes = 0;
};
// nullopt: the frame is not complete yet. Error: this is no stream of such frames.
[[nodiscard]] Result<std::optional<Frame>> parse(std::span<const std::uint8_t> stream);

}  // namespace tandem::sync
