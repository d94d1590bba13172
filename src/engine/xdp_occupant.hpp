// SPDX-License-Identifier: Apache-2.0
// Which XDP programs a device has: ours of an earlier process, and those of others.
//
// The kernel runs one program on a device. It is either a program as such, which is alone there, or
// libxdp's dispatcher, which calls several.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "engine/xdp_mode.hpp"

struct xdp_multiprog;

namespace tandem::engine {

class XdpOccupant {
 public:
  // nullopt: the device has no program.
  static std::optional<XdpOccupant> of(unsigned ifindex);

  [[nodiscard]] XdpMode mode() const;
  [[nodiscard]] XdpWay way() const;
  // The programs that are not this project's, by name.
  [[nodiscard]] std::vector<std::string> others() const;
  // Whether the program with this number of the kernel's is among them.
  [[nodiscard]] bool has(std::uint32_t id) const;
  // The one program that the kernel runs: the dispatcher, if there is one.
  [[nodiscard]] Descriptor program() const;
  // Takes this project's programs off and leaves those of others. A program that is `alone` and
  // somebody else's is an error.
  Result<void> take_off_ours(unsigned ifindex, const std::string& name);
  // After programs were replaced by one that is alone: removes what libxdp keeps of its dispatcher.
  static void forget_dispatcher(unsigned ifindex);

 private:
  struct Close {
    void operator()(xdp_multiprog* p) const;
  };
  explicit XdpOccupant(xdp_multiprog* programs) : programs_(programs) {}

  std::unique_ptr<xdp_multiprog, Close> programs_;
};

}  // namespace tandem::engine
