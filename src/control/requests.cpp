// SPDX-License-Identifier: Apache-2.0
#include "control/requests.hpp"

#include <tuple>

#include "control/arguments.hpp"

namespace tandem::control {

using nlohmann::json;

namespace {

constexpr std::tuple<> kStatus;
constexpr std::tuple kVrrp{takes("name", &VrrpRequest::name)};
constexpr std::tuple kEvents{takes("after", &EventsRequest::after),
                             takes("limit", &EventsRequest::limit)};
constexpr std::tuple kFailover{takes("names", &FailoverRequest::names),
                               takes("back", &FailoverRequest::back),
                               takes("force", &FailoverRequest::force)};
constexpr std::tuple kReload{takes("file", &ReloadRequest::file)};
constexpr std::tuple kServices{takes("name", &ServicesRequest::name)};
constexpr std::tuple kBackends{takes("service", &BackendsRequest::service)};
constexpr std::tuple kFlows{takes("service", &FlowsRequest::service),
                            takes("backend", &FlowsRequest::backend),
                            takes("client", &FlowsRequest::client),
                            takes("state", &FlowsRequest::state),
                            takes("limit", &FlowsRequest::limit, {1, kMostFlowsShown}),
                            takes("count_only", &FlowsRequest::count_only)};
constexpr std::tuple kDrain{needs("service", &DrainRequest::service),
                            takes("backend", &DrainRequest::backend)};
constexpr std::tuple kWeight{needs("service", &WeightRequest::service),
                             needs("backend", &WeightRequest::backend),
                             needs("weight", &WeightRequest::weight)};
constexpr std::tuple kBackend{
    needs("action", &BackendRequest::action),
    needs("service", &BackendRequest::service),
    needs("backend", &BackendRequest::backend),
    takes("weight", &BackendRequest::weight),
    takes("max_connections", &BackendRequest::max_connections, {0, 1'000'000'000}),
    takes("backup", &BackendRequest::backup)};
constexpr std::tuple kExplain{needs("source", &ExplainRequest::source),
                              takes("source_port", &ExplainRequest::source_port, kPort),
                              needs("destination", &ExplainRequest::destination),
                              needs("port", &ExplainRequest::port, kPort),
                              takes("protocol", &ExplainRequest::protocol)};
constexpr std::tuple kCapture{needs("file", &CaptureRequest::file, {.path = true}),
                              takes("filter", &CaptureRequest::filter),
                              takes("count", &CaptureRequest::count, {1, kMostCaptured}),
                              takes("seconds", &CaptureRequest::seconds, {1, kLongestCapture})};

}  // namespace

Result<StatusRequest> StatusRequest::from_json(const json& arguments) {
  return read<StatusRequest>(arguments, kStatus);
}
json StatusRequest::to_json() const {
  return write(*this, kStatus);
}

Result<VrrpRequest> VrrpRequest::from_json(const json& arguments) {
  return read<VrrpRequest>(arguments, kVrrp);
}
json VrrpRequest::to_json() const {
  return write(*this, kVrrp);
}

Result<EventsRequest> EventsRequest::from_json(const json& arguments) {
  return read<EventsRequest>(arguments, kEvents);
}
json EventsRequest::to_json() const {
  return write(*this, kEvents);
}

Result<FailoverRequest> FailoverRequest::from_json(const json& arguments) {
  return read<FailoverRequest>(arguments, kFailover);
}
json FailoverRequest::to_json() const {
  return write(*this, kFailover);
}

Result<ReloadRequest> ReloadRequest::from_json(const json& arguments) {
  return read<ReloadRequest>(arguments, kReload);
}
json ReloadRequest::to_json() const {
  return write(*this, kReload);
}

Result<ServicesRequest> ServicesRequest::from_json(const json& arguments) {
  return read<ServicesRequest>(arguments, kServices);
}
json ServicesRequest::to_json() const {
  return write(*this, kServices);
}

Result<BackendsRequest> BackendsRequest::from_json(const json& arguments) {
  return read<BackendsRequest>(arguments, kBackends);
}
json BackendsRequest::to_json() const {
  return write(*this, kBackends);
}

Result<FlowsRequest> FlowsRequest::from_json(const json& arguments) {
  return read<FlowsRequest>(arguments, kFlows);
}
json FlowsRequest::to_json() const {
  return write(*this, kFlows);
}

Result<DrainRequest> DrainRequest::from_json(const json& arguments) {
  return read<DrainRequest>(arguments, kDrain);
}
json DrainRequest::to_json() const {
  return write(*this, kDrain);
}

Result<WeightRequest> WeightRequest::from_json(const json& arguments) {
  return read<WeightRequest>(arguments, kWeight);
}
json WeightRequest::to_json() const {
  return write(*this, kWeight);
}

Result<BackendRequest> BackendRequest::from_json(const json& arguments) {
  return read<BackendRequest>(arguments, kBackend);
}
json BackendRequest::to_json() const {
  return write(*this, kBackend);
}

Result<ExplainRequest> ExplainRequest::from_json(const json& arguments) {
  auto request = read<ExplainRequest>(arguments, kExplain);
  if (request && request->source.family() != request->destination.family())
    return fail("\"source\" and \"destination\" are of two families: expected both IPv4 or IPv6");
  return request;
}
json ExplainRequest::to_json() const {
  return write(*this, kExplain);
}

Result<CaptureRequest> CaptureRequest::from_json(const json& arguments) {
  return read<CaptureRequest>(arguments, kCapture);
}
json CaptureRequest::to_json() const {
  return write(*this, kCapture);
}

}  // namespace tandem::control
