// SPDX-License-Identifier: Apache-2.0
// A TAP device: the kernel's interface of a port that is not the kernel's. What is written to it
// comes in there; what the kernel sends out of it can be read.
//
// It goes with the process, unless it was there before (`ip tuntap add dev NAME mode tap`): then
// its addresses, routes and VLAN devices stay as well.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/address.hpp"
#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace tandem::engine {

class TapDevice {
 public:
  // Made or taken over, with this MAC address (all 0: one that the kernel chooses) and an MTU of at
  // most `most_mtu`, and up; without a carrier yet. Errors: there is another kind of device of that
  // name, or another process has it.
  static Result<TapDevice> open(const std::string& name, const MacAddress& mac,
                                std::uint32_t most_mtu);

  [[nodiscard]] unsigned ifindex() const { return ifindex_; }
  [[nodiscard]] int fd() const { return fd_.get(); }  // not blocking
  void set_carrier(bool on);

 private:
  TapDevice(Descriptor fd, unsigned ifindex) : fd_(std::move(fd)), ifindex_(ifindex) {}

  Descriptor fd_;
  unsigned ifindex_;
  bool carrier_ = true;  // as the kernel has it when the device is attached
};

}  // namespace tandem::engine
