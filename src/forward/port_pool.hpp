// SPDX-License-Identifier: Apache-2.0
// The ports of one source address of fullnat. A port that is given back is the last to be taken
// again, so that the backend's TIME_WAIT of its last connection has the longest time to pass.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tandem::forward {

class PortPool {
 public:
  static constexpr std::uint16_t kFirst = 1024, kLast = 65535;

  PortPool();
  // Before any is taken: the one to begin with, of so many as there are. A daemon that was
  // restarted should not begin with ports that its last run used a moment ago.
  void begin_at(std::uint32_t n);

  // O(1), but for ports that were held: each of those costs one step, once.
  std::optional<std::uint16_t> take();
  void give(std::uint16_t port);
  // A port that is in use already, as after a restart. false: it is no port of the pool, or held.
  bool hold(std::uint16_t port);

  // All ports in turn, for who looks for one to be given back.
  std::uint16_t next();

  [[nodiscard]] std::uint32_t taken() const noexcept { return taken_; }

 private:
  struct Port {
    bool taken = false;
    bool waiting = true;  // in line
  };
  std::vector<Port> ports_;          // by number
  std::vector<std::uint16_t> line_;  // a ring
  std::size_t head_ = 0, length_ = 0;
  std::uint32_t taken_ = 0;
  std::uint16_t next_ = kFirst;
};

}  // namespace tandem::forward
