// SPDX-License-Identifier: Apache-2.0
// The commands of the control socket: each takes its request apart, has it done or looked up, and
// answers with a document. What only the VRRP thread knows is asked of it by a snapshot. Belongs to
// the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/requests.hpp"
#include "control/server.hpp"
#include "daemon/handovers.hpp"
#include "daemon/report.hpp"
#include "daemon/running.hpp"
#include "observe/event_log.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::daemon {

class Commands {
 public:
  struct Deps {
    const Running& running;
    const Report& report;
    const observe::EventLog& events;
    Handovers& handovers;
    speaker::VrrpCommands& vrrp;
    std::function<control::Answer(const std::string& file)> reload;
    // nullopt: all backends of the service.
    std::function<void(const std::string& service, const std::optional<control::Endpoint>& backend,
                       bool drained)>
        drain;
    std::function<void(const std::string& service, const control::Endpoint& backend,
                       std::uint16_t weight)>
        set_weight;
    std::function<Result<void>(const control::BackendRequest&)> change_backend;
    std::function<void(const control::CaptureRequest&, control::Completion)> capture;
    std::function<void()> end_capture;
  };
  // The server answers them for as long as this is there.
  Commands(std::unique_ptr<control::Server> server, Deps deps);

 private:
  void serve_node();
  void serve_services();
  // `answer` gives the answer to a request at once, or to a completion later.
  template <class Request>
  void on(const char* command, control::Answer (Commands::*answer)(const Request&));
  template <class Request>
  void on(const char* command, void (Commands::*answer)(const Request&, control::Completion));

  control::Answer events(const control::EventsRequest& request);
  control::Answer reload(const control::ReloadRequest& request);
  void status(const control::StatusRequest& request, control::Completion done);
  void vrrp(const control::VrrpRequest& request, control::Completion done);
  void fail_over(const control::FailoverRequest& request, control::Completion done);

  control::Answer list_services(const control::ServicesRequest& request);
  control::Answer list_backends(const control::BackendsRequest& request);
  control::Answer list_flows(const control::FlowsRequest& request);
  control::Answer drain(const control::DrainRequest& request);
  control::Answer undrain(const control::DrainRequest& request);
  control::Answer set_drained(const control::DrainRequest& request, bool drained);
  control::Answer set_weight(const control::WeightRequest& request);
  control::Answer change_backend(const control::BackendRequest& request);
  control::Answer explain(const control::ExplainRequest& request);
  [[nodiscard]] control::Answer backends_of(const std::optional<std::string>& service,
                                            const std::optional<control::Endpoint>& backend) const;

  Deps deps_;
  std::unique_ptr<control::Server> server_;
};

}  // namespace tandem::daemon
