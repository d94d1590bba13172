// SPDX-License-Identifier: Apache-2.0
// The control socket's commands. What only the VRRP thread knows is asked of it by a snapshot.
#include <algorithm>

#include "daemon/node.hpp"

namespace tandem::daemon {
namespace {

std::unexpected<Error> no_router(const std::string& name) {
  return fail("there is no virtual router '" + name + "'");
}

}  // namespace

void Node::serve() {
  server_->on("events", [this](const nlohmann::json& arguments) -> control::Answer {
    const auto request = control::EventsRequest::from_json(arguments);
    if (!request) return std::unexpected(request.error());
    return events_.document(request->after, request->limit);
  });
  server_->on_async("status", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::StatusRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    with_snapshot(*thread_, running_.plan, [this, done](const speaker::Snapshot& snapshot) {
      done(status_document(report_->node(snapshot), observe::Now::read()));
    });
  });
  server_->on_async("vrrp", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::VrrpRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    if (request->name && !running_.plan.has(*request->name)) return done(no_router(*request->name));
    with_snapshot(
        *thread_, running_.plan,
        [this, name = request->name.value_or(""), done](const speaker::Snapshot& snapshot) {
          done(vrrp_document(report_->routers(snapshot, name), observe::Now::read()));
        });
  });
  server_->on_async("failover", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::FailoverRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    fail_over(*request, std::move(done));
  });
  server_->on_async("reload", [this](const nlohmann::json& arguments, control::Completion done) {
    const auto request = control::ReloadRequest::from_json(arguments);
    if (!request) return done(std::unexpected(request.error()));
    reload(request->file.value_or(running_.file), std::move(done));
  });
  serve_services();
}

void Node::fail_over(const control::FailoverRequest& request, control::Completion done) {
  for (const auto& name : request.names)
    if (!running_.plan.has(name)) return done(no_router(name));
  handovers_->begin(request, std::move(done));
}

}  // namespace tandem::daemon
