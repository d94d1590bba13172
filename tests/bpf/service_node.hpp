// SPDX-License-Identifier: Apache-2.0
// The node of rig.hpp with services that have backends, in every mode, over memory that may be the
// kernel's; and the frames of their clients and backends.
//
//   number  service                        mode     to
//   1, 2    192.0.2.100:8001 tcp, udp      nat      203.0.113.1, .2 :9001
//   3       192.0.2.100:8003 tcp           fullnat  203.0.113.1, .2 :9003, from 203.0.113.250
//   4       192.0.2.100:8004 tcp           dsr      203.0.113.1, .2
//   5       192.0.2.100:8005 tcp           tunnel   203.0.113.1, .2
//   6       192.0.2.100:8006 udp           tunnel   2001:db8:f::1, ::2
//   7, 8    [2001:db8::100]:8001 tcp, udp  nat      2001:db8:f::1, ::2 :9001
//   9       [2001:db8::100]:8003 udp       fullnat  2001:db8:f::1, ::2 :9003, from 2001:db8:f::fa
//   10      [2001:db8::100]:8004 tcp       dsr      2001:db8:f::1, ::2
//   11      [2001:db8::100]:8005 tcp       tunnel   2001:db8:f::1, ::2
//   12      [2001:db8::104]:8006 tcp       tunnel   203.0.113.1, .2                (VLAN 20.30)
//   13      192.0.2.103:8001 tcp           nat      203.0.113.1, .2 :9013          (VLAN 10)
//   14      192.0.2.106:8001 tcp           dsr      203.0.113.1, .2                (no lease)
//
// Backends have slots 2N and 2N + 1. The first is behind the link that clients are on, the second
// behind the other one, with a tag and an MTU of 1400.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "forward/table_memory.hpp"
#include "rig.hpp"
#include "tandem/steer.h"

namespace tandem {

struct TestService {
  std::uint16_t number;
  IpAddress address;
  bool udp;
  std::uint16_t port;
  td_mode mode;
  Family backends;  // their family
  std::uint16_t backend_port;
  std::array<std::uint16_t, 2> vlan{};  // that clients are behind

  [[nodiscard]] bool is_nat() const { return mode == TD_MODE_NAT || mode == TD_MODE_FULLNAT; }
};

[[nodiscard]] std::vector<TestService> test_services();
[[nodiscard]] IpAddress backend_address(Family family, int i);      // 0, 1
[[nodiscard]] IpAddress client_address(Family family, unsigned n);  // IPv4: below 256
[[nodiscard]] IpAddress source_address(Family family);

class ServiceNode {
 public:
  static constexpr std::uint32_t kFlows = 2'000;

  // memory: with room for so many flows in each table, and for two source addresses. more_sources:
  // IPv4 ones of fullnat besides, each with 64,512 ports for flows; memory is to have room for
  // them.
  ServiceNode(const forward::Forwarder::Memory& memory, flow::Steering& steering,
              const flow::JiffyClock& clock, std::uint32_t flows = kFlows,
              std::uint16_t more_sources = 0);

  [[nodiscard]] const td_env& env() const { return memory_.env; }
  [[nodiscard]] forward::Forwarder& forwarder() { return *forwarder_; }

  struct Outcome {
    td_reason reason;
    frames::Bytes frame;
    td_outcome out;
  };
  // By the packet core, as XDP does it; what it hands to the data thread comes back as it was.
  // ended: what the forwarder is to hear of the flow, which the caller tells it then.
  Outcome steer(const frames::Bytes& frame, std::uint32_t ifindex, MonotonicTime now,
                td_flow_end* ended = nullptr);
  // By the data thread.
  Outcome admit(const frames::Bytes& frame, std::uint32_t ifindex, MonotonicTime now);

  // The same, where services that forward after the peer (set_before_forward) may keep the frame:
  // forward::Forwarder::kHeld.
  Outcome admit_or_hold(const frames::Bytes& frame, std::uint32_t ifindex, MonotonicTime now);
  struct LetGo {
    Outcome outcome;
    bool acknowledged;
    forward::FlowId flow;
  };
  // What goes on now, in its order.
  std::vector<LetGo> let_go(MonotonicTime now);
  void set_before_forward(const TestService& service, MonotonicTime now);

  // A daemon's restart: another forwarder over the same memory. The sweep may come by before the
  // flows are adopted.
  void restart(MonotonicTime now, bool sweeps_early = false);
  // The same, and from then on its flows are kept in step with a peer's.
  void replicate(forward::Replication& shared, MonotonicTime now);
  void set_backend(std::uint16_t slot, balance::State state, std::uint16_t weight,
                   MonotonicTime now, std::uint32_t max_connections = 0);
  // The backends of two services are one server.
  void make_twins(std::uint16_t slot, std::uint16_t other, MonotonicTime now,
                  std::uint32_t max_connections = 0);
  void set_affinity(const TestService& service, Duration affinity, MonotonicTime now,
                    std::uint8_t prefix = 0);
  void set_one_packet(const TestService& service, MonotonicTime now);
  // From the configuration: its flows may stay.
  void remove_backend(std::uint16_t slot, MonotonicTime now);
  // Another one for a service, at the first one's address. slot: from 100 on.
  void add_backend(std::uint16_t slot, const TestService& service, std::uint16_t weight,
                   MonotonicTime now);
  [[nodiscard]] std::uint64_t jiffies(MonotonicTime now) const { return clock_.at(now); }
  [[nodiscard]] flow::Tick tick(MonotonicTime now) const {
    return static_cast<flow::Tick>(clock_.at(now) >> kTickShift);
  }
  static constexpr std::uint32_t kTickShift = 6;

 private:
  void make(MonotonicTime now);
  [[nodiscard]] forward::ServiceSettings service_settings(const TestService& service) const;
  [[nodiscard]] std::vector<std::uint16_t> source_slots(const TestService& service) const;
  td_frame lay_out(const frames::Bytes& frame, std::uint32_t ifindex, MonotonicTime now,
                   std::size_t room = 0);

  forward::Forwarder::Memory memory_;
  flow::Steering& steering_;
  flow::JiffyClock clock_;
  std::uint32_t flows_;
  std::uint16_t more_sources_;
  forward::Replication* replication_ = nullptr;
  std::unique_ptr<forward::Forwarder> forwarder_;
  frames::Bytes buffer_;
  std::list<frames::Bytes> kept_;           // buffers of frames that are held
  std::set<std::uint16_t> before_forward_;  // numbers of services
};

// Memory of the size that a ServiceNode of so many flows wants.
struct NodeMemory : forward::TableMemory {
  explicit NodeMemory(std::uint32_t flows = ServiceNode::kFlows, std::uint32_t more_sources = 0)
      : TableMemory(flows, flows, 2 + more_sources) {}
};

// All in memory.
struct MemoryNode {
  NodeMemory memory;
  flow::Steering steering;
  ServiceNode node;

  explicit MemoryNode(MonotonicTime start, std::uint32_t flows = ServiceNode::kFlows);
};

// A frame of a client to its service, with valid checksums.
struct Segment {
  unsigned client = 1;
  std::uint16_t port = 40000;
  std::uint8_t flags = TD_TCP_SYN;
  std::size_t payload = 0;
  MacAddress mac = frames::kClientMac;
};
[[nodiscard]] frames::Bytes to_service(const TestService& service, const Segment& segment);
// A frame of its backend back. to_port: the client's, or with fullnat the source port.
[[nodiscard]] frames::Bytes from_backend(const TestService& service, int backend,
                                         const Segment& segment, std::uint16_t to_port);
// Whether the IP and transport checksums of a frame are right.
[[nodiscard]] bool has_good_checksums(const frames::Bytes& frame);

// Frames of all kinds for all services: see the source.
[[nodiscard]] std::vector<frames::Bytes> service_frames();

}  // namespace tandem
