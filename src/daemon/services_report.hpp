// SPDX-License-Identifier: Apache-2.0
// What a node tells of its services: `tandemctl services`, `backends`, `flows`, `explain` and
// `sync`. Only reads. Belongs to the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "control/requests.hpp"
#include "daemon/running.hpp"
#include "dataplane/data_plane.hpp"
#include "health/checker.hpp"
#include "netlink/links.hpp"
#include "observe/explain_document.hpp"
#include "observe/services_document.hpp"
#include "observe/sync_document.hpp"
#include "services/running_service.hpp"
#include "sync/link.hpp"

namespace tandem::daemon {

class ServicesReport {
 public:
  struct Sources {
    const Running& running;
    const services::RunningServices& services;
    dataplane::DataPlane& plane;
    const td_tables& tables;
    std::function<std::optional<netlink::LinkState>(int ifindex)> link;
    // nullopt: nothing checks it.
    std::function<std::optional<health::Status>(const services::RunningBackend&)> last_check;
    // nullopt: without [sync].
    std::function<std::optional<sync::LinkView>()> sync;
  };
  explicit ServicesReport(Sources sources) : sources_(std::move(sources)) {}

  // nullopt: all, local ones too.
  [[nodiscard]] observe::ServicesView services(const std::optional<std::string>& name) const;
  // nullopt: all.
  [[nodiscard]] std::vector<observe::BackendView> backends(
      const std::optional<std::string>& service,
      const std::optional<control::Endpoint>& backend) const;
  // Errors: there is no service of the name with backends; it has no such backend.
  [[nodiscard]] Result<void> find(const std::optional<std::string>& service,
                                  const std::optional<control::Endpoint>& backend) const;

  struct Flows {
    std::vector<observe::FlowView> rows;
    std::uint64_t matched = 0;
  };
  [[nodiscard]] Flows flows(const control::FlowsRequest& request) const;
  // Error: kStandsStill.
  [[nodiscard]] Result<observe::ExplainView> explain(const control::ExplainRequest& request) const;
  // nullopt: without [sync].
  [[nodiscard]] std::optional<observe::SyncView> sync() const;

 private:
  [[nodiscard]] observe::ServiceView view(const services::RunningService& service) const;
  [[nodiscard]] observe::BackendView view(const services::RunningService& service,
                                          const services::RunningBackend& backend) const;
  [[nodiscard]] bool has_lease(const IpAddress& address) const;
  // Connections of a server through all services, by which node decides about them.
  struct ServerLoad {
    std::uint64_t own = 0, peers = 0;
  };
  using ServerLoads = std::map<std::tuple<config::Protocol, IpAddress, std::uint16_t>, ServerLoad>;
  [[nodiscard]] ServerLoads server_loads() const;

  Sources sources_;
};

// The error of what has to wait for a thread that does not move.
inline constexpr const char* kStandsStill =
    "a thread that forwards stands still: `tandemctl status` tells which";

}  // namespace tandem::daemon
