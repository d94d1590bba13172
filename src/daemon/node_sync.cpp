// SPDX-License-Identifier: Apache-2.0
// Flow synchronization as the node starts it, and as it is shown.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/node.hpp"
#include "sync/key.hpp"

namespace tandem::daemon {
namespace {

observe::SyncState state_of(const sync::ServiceSync& service, bool owner) {
  using Proof = sync::Sender::Proof;
  const bool proved = owner ? service.outgoing == Proof::proved : service.incoming_proved;
  if (proved) return observe::SyncState::in_sync;
  if (owner && service.outgoing == Proof::repairing) return observe::SyncState::repairing;
  if (owner && service.outgoing == Proof::unknown) return observe::SyncState::not_configured_there;
  return observe::SyncState::checking;
}

}  // namespace

Result<void> Node::start_sync(const config::Config& config) {
  if (!config.sync || plane_->replication() == nullptr) return {};
  const auto key = sync::read_key(config.sync->key_file);
  if (!key) return std::unexpected(key.error());
  auto link = sync::Link::start(
      {config.node.name, config.sync->listen, config.sync->peer, *key}, plane_->forwarder(),
      *plane_->replication(), [this] { plane_->wake_for_changes(); },
      [](const std::string& line) { spdlog::info("{}", line); });
  if (!link) return std::unexpected(link.error());
  sync_ = std::move(*link);
  server_->on("sync", [this](const nlohmann::json&) -> control::Answer {
    return sync_document(*sync_view(), observe::Now::read());
  });
  return {};
}

std::optional<observe::SyncView> Node::sync_view() const {
  if (!sync_) return std::nullopt;
  const sync::LinkView link = sync_->view();
  const forward::Replication& replication = *plane_->replication();
  observe::SyncView view;
  view.connected = link.connected;
  view.peer = link.peer;
  view.link = link.link + 1;
  view.why = link.why;
  view.since = link.since;
  view.lag = link.lag;
  view.sessions = link.sessions;
  view.refused = link.refused;
  view.flows_sent = link.flows_sent;
  view.flows_received = link.flows_received;
  view.repairs = link.repairs;
  view.conflicts = replication.conflicts;
  view.unknown = link.unknown_there + replication.unknown;
  view.no_room = replication.no_room + replication.ports_taken;
  for (const auto& service : services_->all()) {
    const auto known = std::ranges::find(link.services, service.number, &sync::ServiceSync::number);
    if (service.number == 0 || known == link.services.end()) continue;
    const bool owner = has_lease(service.config.address);
    view.services.push_back(
        {service.config.name, owner,
         link.connected ? state_of(*known, owner) : observe::SyncState::not_connected});
  }
  return view;
}

}  // namespace tandem::daemon
