// SPDX-License-Identifier: Apache-2.0
// All that a node tells of itself at one moment, as plain values: what /status and /metrics are
// written from, on whichever thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "observe/clock.hpp"
#include "observe/engine_view.hpp"
#include "observe/process_view.hpp"
#include "observe/services_document.hpp"
#include "observe/status_document.hpp"
#include "observe/stub_status.hpp"
#include "observe/sync_document.hpp"
#include "observe/vrrp_document.hpp"

namespace tandem::observe {

struct HttpView {  // the HTTP server itself
  std::uint64_t connections = 0;
  std::uint64_t evicted = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;
};

struct NginxView {
  std::optional<StubStatus> status;  // nullopt: it did not answer, or not with that
};

struct Overview {
  Now now;
  NodeView node;
  std::vector<RouterView> routers;
  ServicesView services;
  std::vector<BackendView> backends;
  EngineView engine;
  HttpView http;
  std::optional<SyncView> sync;    // nullopt: without [sync]
  std::optional<NginxView> nginx;  // nullopt: nobody asks it
  nlohmann::json events;           // as EventLog::document() has them
};

// What `tandemctl COMMAND --json` prints, by command. null: it would fail, since a worker stands
// still.
[[nodiscard]] std::string overview_text(const Overview& overview);

// "ready" if the node can take and hold its addresses and forward: each virtual router is Active or
// Backup, and services with backends are served. Error: why not.
[[nodiscard]] Result<std::string> readiness_text(const Overview& overview);

// In the text format of Prometheus. Error: this build is without prometheus-cpp.
[[nodiscard]] Result<std::string> metrics_text(const Overview& overview,
                                               const ProcessView& process);

}  // namespace tandem::observe
