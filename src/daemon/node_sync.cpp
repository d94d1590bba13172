// SPDX-License-Identifier: Apache-2.0
// Flow synchronization as the node starts it.
#include <spdlog/spdlog.h>

#include "daemon/node.hpp"
#include "sync/key.hpp"

namespace tandem::daemon {
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
    return sync_document(*services_report_->sync(), observe::Now::read());
  });
  return {};
}

}  // namespace tandem::daemon
