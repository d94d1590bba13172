// SPDX-License-Identifier: Apache-2.0
// What a node tells of itself and of its virtual routers: `tandemctl status` and `vrrp`, /status
// and /metrics. Only reads. Belongs to the control thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/growing.hpp"
#include "daemon/running.hpp"
#include "daemon/services_report.hpp"
#include "daemon/tracking.hpp"
#include "dataplane/data_plane.hpp"
#include "observe/event_log.hpp"
#include "observe/overview.hpp"
#include "speaker/interfaces.hpp"
#include "speaker/snapshot.hpp"
#include "speaker/stall_cause.hpp"
#include "speaker/vrrp_thread.hpp"

namespace tandem::daemon {

class Report {
 public:
  struct Sources {
    const Running& running;
    const Tracking& tracking;
    const observe::EventLog& events;
    const observe::ReloadsView& reloads;
    const dataplane::DataPlane& plane;
    const speaker::RealtimeState& vrrp_thread;
    const std::array<std::uint64_t, speaker::kStallCauses>&
        stalls;  // of that thread, by StallCause
    const std::vector<speaker::InterfaceState>& interfaces;
    // Sentences for the operator; those of parts: of services, addresses, notify commands.
    std::function<std::vector<std::string>()> interface_troubles;
    std::function<std::vector<std::string>()> part_troubles;
    std::function<std::vector<std::string>(vrrp::RouterId)> peer_troubles;
    // Of services of the node's own, on the virtual router's addresses.
    std::function<observe::SocketsView(vrrp::RouterId)> sockets;
    std::function<std::uint64_t()> addresses_restored;
    std::function<observe::HttpView()> http;
    // nullopt: no Nginx is configured.
    std::function<std::optional<observe::NginxView>()> nginx;
  };
  Report(Sources sources, ServicesReport::Sources services)
      : sources_(std::move(sources)), services_(std::move(services)) {}

  [[nodiscard]] const ServicesReport& services() const { return services_; }

  [[nodiscard]] observe::NodeView node(const speaker::Snapshot& snapshot) const;
  // name: empty for all.
  [[nodiscard]] std::vector<observe::RouterView> routers(const speaker::Snapshot& snapshot,
                                                         const std::string& name) const;
  [[nodiscard]] observe::Overview overview(const speaker::Snapshot& snapshot) const;

 private:
  // routers: all of them, as routers() has them.
  [[nodiscard]] observe::NodeView node(const speaker::Snapshot& snapshot,
                                       const std::vector<observe::RouterView>& routers) const;
  void warn(observe::NodeView& node, const speaker::Snapshot& snapshot,
            const std::vector<observe::RouterView>& routers,
            const std::vector<forward::Loss>& losses) const;

  Sources sources_;
  ServicesReport services_;
  mutable Growing growing_;  // what the looks before saw
  MonotonicTime started_ = MonotonicClock::now();
};

}  // namespace tandem::daemon
