// SPDX-License-Identifier: Apache-2.0
// What would become of a packet: the packet core's own way, over copies of what it writes. Nothing
// is sent, counted or changed by it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"
#include "forward/forwarder.hpp"
#include "forward/known_flow.hpp"
#include "tandem/steer.h"

namespace tandem::forward {

struct Question {
  IpAddress source, destination;  // of one family
  std::uint16_t source_port = 0, port = 0;
  bool udp = false;
};

struct Rehearsed {
  td_match match;
  std::optional<KnownFlow> flow;      // that it belongs to
  std::optional<std::uint16_t> pick;  // slot of the backend that a new flow would get
  bool held = false;                  // that is where affinity holds its client
  td_reason reason;
  td_outcome outcome;
  std::vector<std::uint8_t> before, after;  // the frame
};

// On the forwarder's thread. Without a flow, the packet is one that begins one.
[[nodiscard]] Rehearsed rehearse(Forwarder& forwarder, const Question& question, MonotonicTime now,
                                 std::uint64_t jiffies);

}  // namespace tandem::forward
