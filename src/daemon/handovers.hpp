// SPDX-License-Identifier: Apache-2.0
// `tandemctl failover`: begins planned handovers and tells what became of each, when it is known.
// Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/requests.hpp"
#include "control/server.hpp"
#include "daemon/running.hpp"
#include "speaker/snapshot.hpp"

namespace tandem::daemon {

class Handovers {
 public:
  Handovers(boost::asio::io_context& loop, const Running& running, speaker::VrrpCommands& vrrp)
      : loop_(loop), running_(running), vrrp_(vrrp) {}

  // Of all that are named, which exist, or of all there are. The answer comes when none is under way
  // any more: a list of {name, done, why}.
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
  void report(const List& wanted, bool back, const control::Completion& done);

  boost::asio::io_context& loop_;
  const Running& running_;
  speaker::VrrpCommands& vrrp_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tandem::daemon
