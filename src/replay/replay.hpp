// SPDX-License-Identifier: Apache-2.0
// A configured node in memory, which frames of a capture are put through one after another: packet
// core, forwarder, flow table and schedulers as they run, without a kernel or another machine.
//
// What only those could tell is made up, so that the same capture always gives the same frames:
//
//   leases      the node is Active for every address
//   backends    are up, but for those of weight 0
//   interfaces  are one, on which all frames come in and leave; its MAC is 02:00:00:00:00:01
//   next hops   of a backend: 02:00 and the last four bytes of its address; with an MTU of 1500
//   tunnels     come from 192.0.2.1 or 2001:db8::1
//   time        is that of the capture
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "forward/burst.hpp"
#include "forward/table_memory.hpp"
#include "services/running_service.hpp"

namespace tandem::replay {

class Replay {
 public:
  // start: of time, at or before the first frame. Errors: a configuration of more than there are
  // numbers for.
  static Result<std::unique_ptr<Replay>> open(const config::Config& config, MonotonicTime start);

  struct Outcome {
    td_reason reason;
    std::span<const std::uint8_t> sent;  // until the next put(); empty: none
  };
  // An Ethernet frame without FCS. at: not before the one before.
  Outcome put(std::span<const std::uint8_t> frame, MonotonicTime at);

 private:
  Replay(const config::Config& config, MonotonicTime start);
  Result<void> make_services(const config::Config& config);
  Result<void> publish(const config::Config& config);
  void tell_forwarder(MonotonicTime now);
  void pass_time(MonotonicTime now);

  flow::JiffyClock clock_;
  forward::TableMemory memory_;
  flow::Steering steering_;
  services::RunningServices services_;
  std::unique_ptr<forward::Forwarder> forwarder_;
  MonotonicTime swept_;
  std::vector<std::uint8_t> buffer_;
  forward::Job job_{};
};

}  // namespace tandem::replay
