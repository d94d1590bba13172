// SPDX-License-Identifier: Apache-2.0
#include "daemon/changed_backends.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "daemon/kept_file.hpp"

namespace tandem::daemon {
namespace {

std::string file_of(const config::Node& node) {
  if (!node.backends_file.empty()) return node.backends_file;
  return std::filesystem::path(node.control_socket).parent_path() / "backends.toml";
}

Result<config::BackendAction> action_of(const std::string& word) {
  if (word == "add") return config::BackendAction::add;
  if (word == "remove") return config::BackendAction::remove;
  if (word == "set") return config::BackendAction::set;
  if (word == "reset") return config::BackendAction::reset;
  return fail("argument \"action\": expected \"add\", \"remove\", \"set\" or \"reset\"");
}

// A port that was not given: a new backend has the service's, another one that of the only backend
// at its address.
Result<std::uint16_t> port_of(const Running& running, const control::BackendRequest& request) {
  const auto& services = running.plan.config.services;
  const auto service = std::ranges::find(services, request.service, &config::Service::name);
  if (service == services.end()) return fail("there is no service '" + request.service + "'");
  if (request.backend.port) return *request.backend.port;
  if (request.action == "add") return service->port;
  std::vector<std::uint16_t> ports;
  for (const auto& backend : service->backends)
    if (backend.address == request.backend.address) ports.push_back(backend.port);
  for (const auto& change : running.backend_changes)
    if (change.removed && change.service == request.service &&
        change.address == request.backend.address)
      ports.push_back(change.port);
  if (ports.size() > 1)
    return fail("service '" + request.service + "' has several backends at " +
                request.backend.address.to_string() + ", expected one with its port");
  return ports.empty() ? service->port : ports.front();
}

}  // namespace

config::Config ChangedBackends::restore(const config::Config& config) {
  file_ = file_of(config.node);
  running_.from_file = config;
  if (const auto text = read_kept(file_)) {
    auto changes = config::parse_changes(*text);
    if (changes)
      running_.backend_changes = std::move(*changes);
    else
      put_aside(file_, changes.error(), "backends that were changed at run time");
  }
  std::vector<std::string> left_out;
  config::Config changed = config::with_changes(config, running_.backend_changes, left_out);
  for (const auto& sentence : left_out) spdlog::warn("{}", sentence);
  return changed;
}

Result<void> ChangedBackends::change(const control::BackendRequest& request) {
  const auto action = action_of(request.action);
  if (!action) return std::unexpected(action.error());
  const auto port = port_of(running_, request);
  if (!port) return std::unexpected(port.error());
  const config::BackendChange wanted{request.service, request.backend.address, *port,
                                     request.weight,  request.max_connections, request.backup};
  auto changes = config::with_change(running_.from_file, running_.backend_changes, *action, wanted);
  if (!changes) return std::unexpected(changes.error());
  std::vector<std::string> left_out;
  if (auto installed = install_(config::with_changes(running_.from_file, *changes, left_out));
      !installed)
    return installed;
  if (auto written = write_kept(file_, config::to_text(*changes)); !written) {
    (void)install_(config::with_changes(running_.from_file, running_.backend_changes, left_out));
    return fail("nothing was changed, since it could not be kept: " + written.error().message);
  }
  running_.backend_changes = std::move(*changes);
  return {};
}

}  // namespace tandem::daemon
