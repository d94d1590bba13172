// SPDX-License-Identifier: Apache-2.0
// What the forwarder is told of services and backends.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "balance/scheduler.hpp"
#include "base/address.hpp"
#include "base/time.hpp"
#include "tandem/abi.h"

namespace tandem::forward {

struct ServiceSettings {
  std::uint64_t identity = 0;  // the same on both nodes
  td_mode mode = TD_MODE_DSR;
  bool udp = false;
  balance::SchedulerKind kind = balance::SchedulerKind::least_conn;
  balance::Options options;
  Duration affinity{};               // 0: none
  std::uint8_t affinity_prefix = 0;  // bits of an address that make a client; 0: all
  bool one_packet = false;           // a flow ends with the packet that made it
  bool before_forward = false;       // a first packet waits until the peer has its flow
  bool reject = true;                // else what no backend can take is dropped
  bool ends_with_backend = false;    // TCP flows are forgotten when their backend goes down
  // fullnat: slots, at most TD_SERVICE_SOURCES. Flows name theirs by its place here, which so has to
  // stay; new_sources: the places that new flows get, all if it is empty.
  std::vector<std::uint16_t> sources;
  std::vector<std::uint8_t> new_sources;

  [[nodiscard]] bool is_nat() const { return mode == TD_MODE_NAT || mode == TD_MODE_FULLNAT; }
};

struct BackendSettings {
  std::uint16_t service = 0;
  IpAddress address;
  std::uint16_t port = 0;
  IpAddress outer;                // tunnel: this node's address, of the backend's family
  balance::Backend balance;       // its slot is set by the forwarder
  bool removed = false;           // from the configuration: UDP flows leave it
  std::optional<td_hop> hop;      // not known: the backend gets no flows
  std::uint16_t next_shared = 0;  // the next backend at this address and port, of another service
  std::vector<std::uint16_t> shared_with;  // all of those
  // The same server's slots of other services, whatever their modes. With a peer their flows count
  // as its own do: see twins.cpp.
  std::vector<std::uint16_t> twins;
};

// Written by the thread that forwards, read by any.
class Count {
 public:
  void operator++(int) { add(1); }
  void add(std::uint64_t n) { value_.store(*this + n, std::memory_order_relaxed); }
  operator std::uint64_t() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// Why a first packet of a service with `before_forward` went on before the peer had its flow.
enum class Unacknowledged : std::uint8_t {
  away,     // no session with the peer
  slow,     // the peer did not acknowledge in time, and has not caught up since
  refused,  // the peer could not take a flow of the service
  no_room,  // too many packets waited already
};
inline constexpr std::size_t kUnacknowledged = 4;

struct ServiceCounts {
  Count picks;         // flows that the scheduler placed
  Count joined;        // flows taken up in the middle, by hash
  Count refused;       // first packets that no backend could take
  Count full;          // the flow table had no room
  Count exhausted;     // fullnat: no source port was left
  Count crowded;       // nat, fullnat: no place was left for the client's next hop
  Count acknowledged;  // before_forward: went on when the peer had them
  std::array<Count, kUnacknowledged> went_ahead;  // and those that did not, by Unacknowledged
};

struct BackendCounts {
  Count flows;           // placed here, whoever chose
  Count packets, bytes;  // of first packets, which XDP has not counted
};

}  // namespace tandem::forward
