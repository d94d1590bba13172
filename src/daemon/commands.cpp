// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands.hpp"

#include <utility>

namespace tandem::daemon {
namespace {

std::unexpected<Error> no_router(const std::string& name) {
  return fail("there is no virtual router '" + name + "'");
}

}  // namespace

Commands::Commands(std::unique_ptr<control::Server> server, Deps deps)
    : deps_(std::move(deps)), server_(std::move(server)) {
  serve_node();
  serve_services();
}

namespace {

// Each document tells which version wrote it.
control::Answer with_version(control::Answer answer) {
  if (answer && answer->is_object()) answer->emplace("version", TANDEM_VERSION);
  return answer;
}

}  // namespace

template <class Request>
void Commands::on(const char* command, control::Answer (Commands::*answer)(const Request&)) {
  server_->on(command, [this, answer](const nlohmann::json& arguments) -> control::Answer {
    const auto request = Request::from_json(arguments);
    if (!request) return std::unexpected(request.error());
    return with_version((this->*answer)(*request));
  });
}

template <class Request>
void Commands::on(const char* command,
                  void (Commands::*answer)(const Request&, control::Completion)) {
  server_->on_async(
      command, [this, answer](const nlohmann::json& arguments, control::Completion done) {
        const auto request = Request::from_json(arguments);
        if (!request) return done(std::unexpected(request.error()));
        (this->*answer)(*request,
                        [done](control::Answer given) { done(with_version(std::move(given))); });
      });
}

void Commands::serve_node() {
  on("events", &Commands::events);
  on("reload", &Commands::reload);
  on("status", &Commands::status);
  on("vrrp", &Commands::vrrp);
  on("failover", &Commands::fail_over);
}

void Commands::serve_services() {
  on("services", &Commands::list_services);
  on("backends", &Commands::list_backends);
  on("flows", &Commands::list_flows);
  on("drain", &Commands::drain);
  on("undrain", &Commands::undrain);
  on("weight", &Commands::set_weight);
  on("backend", &Commands::change_backend);
  on("explain", &Commands::explain);
  server_->on_async("capture", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::CaptureRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    deps_.capture(*request, std::move(done));
  });
  server_->on("capture-end", [this](const nlohmann::json&) -> control::Answer {
    deps_.end_capture();
    return nlohmann::json::object();
  });
  if (deps_.report.services().sync())
    server_->on("sync", [this](const nlohmann::json&) -> control::Answer {
      return with_version(sync_document(*deps_.report.services().sync(), observe::Now::read()));
    });
}

// ---- The node and its virtual routers

control::Answer Commands::events(const control::EventsRequest& request) {
  return deps_.events.document(request.after, request.limit);
}

control::Answer Commands::reload(const control::ReloadRequest& request) {
  return deps_.reload(request.file.value_or(deps_.running.file));
}

void Commands::status(const control::StatusRequest&, control::Completion done) {
  with_snapshot(deps_.vrrp, deps_.running.plan, [this, done](const speaker::Snapshot& snapshot) {
    done(status_document(deps_.report.node(snapshot), observe::Now::read()));
  });
}

void Commands::vrrp(const control::VrrpRequest& request, control::Completion done) {
  const std::string name = request.name.value_or("");
  if (request.name && !deps_.running.plan.has(name)) return done(no_router(name));
  with_snapshot(deps_.vrrp, deps_.running.plan,
                [this, name, done](const speaker::Snapshot& snapshot) {
                  done(vrrp_document(deps_.report.routers(snapshot, name), observe::Now::read()));
                });
}

void Commands::fail_over(const control::FailoverRequest& request, control::Completion done) {
  for (const auto& name : request.names)
    if (!deps_.running.plan.has(name)) return done(no_router(name));
  deps_.handovers.begin(request, std::move(done));
}

// ---- Services

control::Answer Commands::list_services(const control::ServicesRequest& request) {
  const auto view = deps_.report.services().services(request.name);
  if (request.name && view.services.empty())
    return fail("there is no service '" + *request.name + "'");
  if (!view.tables) return fail(kStandsStill);
  return services_document(view);
}

control::Answer Commands::backends_of(const std::optional<std::string>& service,
                                      const std::optional<control::Endpoint>& backend) const {
  return backends_document(deps_.report.services().backends(service, backend),
                           observe::Now::read());
}

control::Answer Commands::list_backends(const control::BackendsRequest& request) {
  if (auto found = deps_.report.services().find(request.service, std::nullopt); !found)
    return std::unexpected(found.error());
  return backends_of(request.service, std::nullopt);
}

control::Answer Commands::list_flows(const control::FlowsRequest& request) {
  if (auto found = deps_.report.services().find(request.service, std::nullopt); !found)
    return std::unexpected(found.error());
  const auto flows = deps_.report.services().flows(request);
  return flows_document(flows.rows, flows.matched);
}

control::Answer Commands::set_drained(const control::DrainRequest& request, bool drained) {
  if (auto found = deps_.report.services().find(request.service, request.backend); !found)
    return std::unexpected(found.error());
  deps_.drain(request.service, request.backend, drained);
  return backends_of(request.service, request.backend);
}

control::Answer Commands::drain(const control::DrainRequest& request) {
  return set_drained(request, true);
}

control::Answer Commands::undrain(const control::DrainRequest& request) {
  return set_drained(request, false);
}

control::Answer Commands::set_weight(const control::WeightRequest& request) {
  if (auto found = deps_.report.services().find(request.service, request.backend); !found)
    return std::unexpected(found.error());
  deps_.set_weight(request.service, request.backend, request.weight);
  return backends_of(request.service, request.backend);
}

control::Answer Commands::change_backend(const control::BackendRequest& request) {
  if (auto changed = deps_.change_backend(request); !changed)
    return std::unexpected(changed.error());
  return backends_of(request.service, std::nullopt);
}

control::Answer Commands::explain(const control::ExplainRequest& request) {
  const auto view = deps_.report.services().explain(request);
  if (!view) return std::unexpected(view.error());
  return explain_document(*view);
}

}  // namespace tandem::daemon
