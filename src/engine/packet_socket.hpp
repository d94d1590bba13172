// SPDX-License-Identifier: Apache-2.0
// Frames out of one device, past its queueing discipline: an advert must not wait behind traffic.
// Also tells the NIC and the switch what to let in: multicast groups and virtual MACs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace tandem::engine {

class PacketSocket {
 public:
  // device: where frames leave. host: the interface that has the addresses (a VLAN's own, or the
  // same); groups are joined there, so that the kernel reports them by IGMP and MLD.
  static Result<PacketSocket> open(unsigned device, unsigned host, const std::string& name);

  // Joins a multicast group. Idempotent.
  Result<void> join(const IpAddress& group);
  // Lets frames to this MAC through the NIC's filter for as long as the socket lives. Idempotent.
  Result<void> accept_mac(const MacAddress& mac);

  // One frame, without FCS. Never blocks, never allocates. false: errno says why.
  bool send(std::span<const std::uint8_t> frame) noexcept;

 private:
  unsigned device_ = 0;
  unsigned host_ = 0;
  std::string name_;
  Descriptor packet_;
  std::vector<std::pair<IpAddress, Descriptor>> groups_;
};

}  // namespace tandem::engine
