// SPDX-License-Identifier: Apache-2.0
// A port that is DPDK's own, with the TAP device that stands for it in the kernel: same name for
// everybody, same MAC address, a carrier where the port has a link.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/dpdk/port.hpp"
#include "engine/dpdk/tap_path.hpp"

namespace tandem::engine {

struct OwnPortOptions {
  std::string name;  // of the interface
  PortOptions port;
  std::string device = {};  // of the kernel's, that the port takes its frames from; else empty
};

class OwnPort {
 public:
  // wake: see TapPath. Errors name the interface.
  static Result<std::unique_ptr<OwnPort>> open(const OwnPortOptions& options, const FramePool& pool,
                                               std::function<void()> wake);

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const Port& port() const { return *port_; }
  [[nodiscard]] TapPath& path() { return *path_; }
  [[nodiscard]] const TapPath& path() const { return *path_; }

  // Now and then: the TAP device's carrier follows the link. Error: the port or the TAP device is
  // gone, and this one has to be closed.
  Result<void> follow();

 private:
  OwnPort(OwnPortOptions options, std::unique_ptr<Port> port, std::unique_ptr<TapPath> path)
      : options_(std::move(options)), port_(std::move(port)), path_(std::move(path)) {}

  OwnPortOptions options_;
  std::unique_ptr<Port> port_;
  std::unique_ptr<TapPath> path_;
  unsigned device_ = 0;  // ifindex of options_.device
};

}  // namespace tandem::engine
