// SPDX-License-Identifier: Apache-2.0
// The node as its peers hear it: the VRRP thread, and what the control thread keeps up for it, the
// interfaces that adverts come and go by and the MAC addresses of unicast peers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "speaker/interfaces.hpp"
#include "speaker/peers.hpp"
#include "speaker/stall_cause.hpp"
#include "speaker/vrrp_thread.hpp"

namespace tandem::speaker {

class Speaker {
 public:
  // Adverts that came in before are dropped: what came in while no daemon ran says nothing about
  // now.
  static Result<std::unique_ptr<Speaker>> start(boost::asio::io_context& loop,
                                                netlink::Links& links,
                                                engine::SteeringProgram& program,
                                                flow::Steering& steering,
                                                dataplane::DataPlane& plane);

  // Hands on the VRRP thread's events from now on. If some were lost, addresses are restated.
  void follow(const Plan& plan, std::function<void(const VrrpEvent&)> take);

  // Looks at the programs from now on, four times a second. lost: the interfaces are to be looked at.
  void watch_programs(const Plan& plan, std::function<void()> lost);

  // What kept the VRRP thread from running when it had to.
  [[nodiscard]] StallCauses& stall_causes() { return stall_causes_; }
  [[nodiscard]] VrrpThread& thread() { return *thread_; }
  [[nodiscard]] Interfaces& interfaces() { return interfaces_; }
  [[nodiscard]] Peers& peers() { return *peers_; }

 private:
  void beat();
  void read_stall_causes();
  Speaker(boost::asio::io_context& loop, netlink::Links& links, engine::SteeringProgram& program,
          dataplane::DataPlane& plane, std::unique_ptr<VrrpThread> thread);

  boost::asio::io_context& loop_;
  std::unique_ptr<VrrpThread> thread_;  // when it has gone, nobody grants a lease any more
  Interfaces interfaces_;
  std::unique_ptr<Peers> peers_;
  std::optional<ReadWatch> events_;
  std::optional<Alarm> programs_due_;
  std::optional<Alarm> beat_due_;
  StallCauses stall_causes_;
  std::optional<Alarm> stall_causes_due_;
};

}  // namespace tandem::speaker
