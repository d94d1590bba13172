// SPDX-License-Identifier: Apache-2.0
// A port over the kernel's own driver of a device: DPDK's net_af_xdp.
//
// DPDK loads an XDP program of its user's and puts sockets into its map. Ours does nothing, and the
// steering program takes its place, with that map (bpf/sockets.bpf.c): so the XDP hook has one
// owner, with one set of maps, whichever engine runs. Hence the order, on a device without any
// program:
//
//   open()  ->  SteeringProgram::attach(..., sockets())  ->  SteeringProgram::detach()  -> ~AfXdpPort
#pragma once

#include <memory>
#include <string>

#include "base/descriptor.hpp"
#include "engine/dpdk/port.hpp"

namespace tandem::engine {

class AfXdpPort {
 public:
  // Bytes of a FramePool's frames: as few as devices of such MTUs ask for, and no more than net_af_xdp
  // makes use of.
  static std::uint32_t frame_bytes_for(unsigned mtu);
  // The largest MTU whose frames fit.
  static unsigned largest_mtu(std::uint32_t frame_bytes);
  // Whether each worker can have a queue of the device.
  static Result<void> has_queues_for(std::size_t workers, const std::string& name);
  // Takes all queues of the device.
  static Result<std::unique_ptr<AfXdpPort>> open(unsigned ifindex, const std::string& name,
                                                 const FramePool& pool);

  [[nodiscard]] const Port& port() const { return *port_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // The XSKMAP with a socket for each queue.
  [[nodiscard]] int sockets() const { return sockets_.get(); }

 private:
  AfXdpPort(std::string name, std::unique_ptr<Port> port, Descriptor sockets)
      : name_(std::move(name)), port_(std::move(port)), sockets_(std::move(sockets)) {}
  std::string name_;  // of the device
  std::unique_ptr<Port> port_;
  Descriptor sockets_;
};

}  // namespace tandem::engine
