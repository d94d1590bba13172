// SPDX-License-Identifier: Apache-2.0
// What virtual routers track, [[check]] blocks, interfaces and services: runs the checks, and tells the VRRP
// thread when something goes up or down. Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/running.hpp"
#include "dataplane/data_plane.hpp"
#include "health/checker.hpp"
#include "observe/event_log.hpp"
#include "services/running_service.hpp"
#include "speaker/vrrp_commands.hpp"
#include "vrrp/priority.hpp"

namespace tandem::daemon {

class Tracking {
 public:
  Tracking(boost::asio::io_context& loop, const Running& running, speaker::VrrpCommands& vrrp,
           observe::EventLog& events);

  // Runs the checks of the running configuration. One that starts over counts as it did before,
  // until it has a verdict of its own.
  void apply() { checker_.apply(running_.plan.config.checks); }
  // Looks at every interface that is tracked. is_up: false for one that does not exist.
  void look_at_interfaces(const std::function<bool(const std::string& interface)>& is_up);

  // Whether each service with backends has its quorum.
  void look_at_services(const services::RunningServices& services);

  // Devices whose new flows are lost. Tells of a change.
  void look_at_forwarding(const std::vector<dataplane::DataPlane::Unserved>& unserved);

  // Which of the things that the router tracks fail. What nobody reported on yet does not.
  [[nodiscard]] vrrp::Failing failing(const speaker::PlannedRouter& router) const;
  // In the order of the configuration.
  [[nodiscard]] std::vector<health::Status> checks() const { return checker_.statuses(); }

 private:
  void on_check(std::size_t index, bool up, const std::string& why);
  void set(const std::string& name, bool up);

  const Running& running_;
  speaker::VrrpCommands& vrrp_;
  observe::EventLog& events_;
  std::map<std::string, bool> up_;  // by tracked_check() / tracked_interface() / kTrackedForwarding
  std::vector<dataplane::DataPlane::Unserved> unserved_;
  health::Checker checker_;
};

}  // namespace tandem::daemon
