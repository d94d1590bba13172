// SPDX-License-Identifier: Apache-2.0
// `tandemctl failover`: begins planned handovers and tells what became of each, when it is known.
// Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "control/requests.hpp"
#include "control/server.hpp"
#include "daemon/running.hpp"
#include "speaker/snapshot.hpp"

namespace tandem::daemon {

class Handovers {
 public:
  // What connections of the virtual router need before it moves.
  struct Gate {
    // What the other node lacks of their flows; empty: nothing.
    std::function<std::string(const speaker::PlannedRouter&)> missing_there = {};
    // It may be taken back before this node has them.
    std::function<void(vrrp::RouterId)> open = {};
  };
  Handovers(boost::asio::io_context& loop, const Running& running, speaker::VrrpCommands& vrrp,
            Gate gate)
      : loop_(loop), running_(running), vrrp_(vrrp), gate_(std::move(gate)) {}

  // Of all that are named, which exist, or of all there are. They begin when the other node has the
  // flows. The answer comes when none is under way any more: a list of {name, done, why}. Error: the
  // other node did not get the flows in time, and nothing was begun.
  void begin(const control::FailoverRequest& request, control::Completion done);

 private:
  struct Handover {
    std::string name;
    vrrp::RouterId router;
    bool begun;
    std::string why;  // if it was not
  };
  using List = std::shared_ptr<std::vector<Handover>>;

  [[nodiscard]] std::vector<Handover> meant_by(const control::FailoverRequest& request) const;
  [[nodiscard]] std::string missing_there(const std::vector<Handover>& wanted) const;
  void begin_with_flows(const control::FailoverRequest& request, MonotonicTime until,
                        control::Completion done);
  void begin_now(const control::FailoverRequest& request, control::Completion done);
  void look_again(std::function<void()> look);
  void report(const List& wanted, bool back, const control::Completion& done);

  boost::asio::io_context& loop_;
  const Running& running_;
  speaker::VrrpCommands& vrrp_;
  Gate gate_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tandem::daemon
