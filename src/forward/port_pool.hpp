// SPDX-License-Identifier: Apache-2.0
// The ports of one source address of fullnat. A port that is given back is the last to be taken
// again, so that the backend's TIME_WAIT of its last connection has the longest time to pass. Ports
// that the node's own kernel may take for a connection of its own, from the same address, are left to it.
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

  // By number: which ports are given out from now on; those that are taken stay so. At first all.
  void set_usable(const std::vector<bool>& usable);

  // O(1), but for ports that were held: each of those costs one step, once.
  std::optional<std::uint16_t> take();
  void give(std::uint16_t port);
  // A port that is in use already, as after a restart. false: it is no port of the pool, or held.
  bool hold(std::uint16_t port);

  // All usable ports in turn, for who looks for one to be given back. 0: there are none.
  std::uint16_t next();

  [[nodiscard]] bool is_taken(std::uint16_t port) const { return ports_[port].taken; }
  [[nodiscard]] std::uint32_t taken() const noexcept { return taken_; }
  // Of them, those that are not usable: taken before, or by a peer.
  [[nodiscard]] std::uint32_t strays() const noexcept { return strays_; }

 private:
  void queue(std::uint16_t port);

  struct Port {
    bool taken = false;
    bool waiting = true;  // in line
    bool usable = true;
  };
  std::vector<Port> ports_;          // by number
  std::vector<std::uint16_t> line_;  // a ring
  std::size_t head_ = 0, length_ = 0;
  std::uint32_t taken_ = 0, strays_ = 0;
  std::vector<std::uint16_t> round_;  // those that are usable
  std::size_t next_ = 0;
};

}  // namespace tandem::forward
