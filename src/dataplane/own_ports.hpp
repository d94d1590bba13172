// SPDX-License-Identifier: Apache-2.0
// The ports that are the dpdk engine's own, as the configuration lists them. One that goes away at
// run time, with its device or its TAP device, is closed, and made again as soon as it can be.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "config/config.hpp"
#include "engine/dpdk/own_port.hpp"

namespace tandem::dataplane {

class OwnPorts {
 public:
  // changed: workers are to use other ports; returns when they do. wake: see engine::TapPath.
  OwnPorts(unsigned workers, const engine::FramePool& frames, std::function<void()> changed,
           std::function<void()> wake);

  // See DataPlane.
  Result<void> open(const std::vector<config::Interface>& interfaces);
  void close_others(const std::vector<config::Interface>& wanted);

  // Every now and then: links, and what is to be closed or made again.
  void follow(MonotonicTime now);

  [[nodiscard]] bool has(unsigned ifindex) const;
  // Those that there are, for workers.
  [[nodiscard]] std::vector<engine::OwnPort*> all() const;
  // Sentences for the operator.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Place {
    config::Interface interface;
    std::unique_ptr<engine::OwnPort> port;  // nullptr: gone
    std::string why_gone;
    std::string trouble;    // the same, and what the last try to open it came to
    MonotonicTime again{};  // when to try
  };
  Result<void> open(Place& place);
  void close(Place& place);

  unsigned workers_;
  const engine::FramePool& frames_;
  std::function<void()> changed_, wake_;
  std::map<std::string, Place> places_;  // by the interface's name
};

}  // namespace tandem::dataplane
