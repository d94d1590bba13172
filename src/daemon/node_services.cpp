// SPDX-License-Identifier: Apache-2.0
// The control socket's commands about services.
#include "daemon/node.hpp"

namespace tandem::daemon {
void Node::serve_services() {
  const auto on = [this]<class Request>(const char* command,
                                        control::Answer (Node::*answer)(const Request&)) {
    server_->on(command, [this, answer](const nlohmann::json& arguments) -> control::Answer {
      const auto request = Request::from_json(arguments);
      if (!request) return std::unexpected(request.error());
      return (this->*answer)(*request);
    });
  };
  on("services", &Node::list_services);
  on("backends", &Node::list_backends);
  on("flows", &Node::list_flows);
  on("drain", &Node::drain);
  on("undrain", &Node::undrain);
  on("weight", &Node::set_weight);
  on("explain", &Node::explain);
  server_->on_async("capture", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::CaptureRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    capture_->start(*request, std::move(done));
  });
  server_->on("capture-end", [this](const nlohmann::json&) -> control::Answer {
    capture_->end();
    return nlohmann::json::object();
  });
}

control::Answer Node::list_services(const control::ServicesRequest& request) {
  const auto document = services_report_->services(request.name);
  if (request.name && document.services.empty())
    return fail("there is no service '" + *request.name + "'");
  if (!document.tables) return fail(kStandsStill);
  return services_document(document);
}

control::Answer Node::list_backends(const control::BackendsRequest& request) {
  if (auto found = services_report_->find(request.service, {}); !found)
    return std::unexpected(found.error());
  return backends_document(services_report_->backends(request.service, {}), observe::Now::read());
}

control::Answer Node::set_drained(const control::DrainRequest& request, bool drained) {
  if (auto found = services_report_->find(request.service, request.backend); !found)
    return std::unexpected(found.error());
  const auto* endpoint = request.backend ? &*request.backend : nullptr;
  services_->drain(request.service, endpoint != nullptr ? &endpoint->address : nullptr,
                   endpoint != nullptr ? endpoint->port.value_or(0) : 0, drained);
  return backends_document(services_report_->backends(request.service, request.backend),
                           observe::Now::read());
}

control::Answer Node::drain(const control::DrainRequest& request) {
  return set_drained(request, true);
}

control::Answer Node::undrain(const control::DrainRequest& request) {
  return set_drained(request, false);
}

control::Answer Node::set_weight(const control::WeightRequest& request) {
  if (auto found = services_report_->find(request.service, request.backend); !found)
    return std::unexpected(found.error());
  services_->set_weight(request.service, request.backend.address, request.backend.port.value_or(0),
                        request.weight);
  return backends_document(services_report_->backends(request.service, request.backend),
                           observe::Now::read());
}

control::Answer Node::list_flows(const control::FlowsRequest& request) {
  if (auto found = services_report_->find(request.service, {}); !found)
    return std::unexpected(found.error());
  const auto flows = services_report_->flows(request);
  return flows_document(flows.rows, flows.matched);
}

control::Answer Node::explain(const control::ExplainRequest& request) {
  const auto view = services_report_->explain(request);
  if (!view) return std::unexpected(view.error());
  return explain_document(*view);
}

}  // namespace tandem::daemon
