// SPDX-License-Identifier: Apache-2.0
// What the HTTP server serves.
#include "daemon/node.hpp"
#include "observe/page.hpp"

namespace tandem::daemon {
namespace {

constexpr std::size_t kEvents = 50;  // the newest, in /status

std::string text_of(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void Node::serve_http() {
  if (!http_) return;
  http_->on(
      "/", "text/html; charset=utf-8",
      [](const control::HttpServer::Done& done) { done(std::string(observe::kPage)); },
      observe::page_policy(plan_.config.node.peer_http));
  http_->on("/status", "application/json", [this](control::HttpServer::Done done) {
    with_snapshot([this, done = std::move(done)](const Snapshot& snapshot) {
      done(text_of(everything(snapshot)));
    });
  });
}

// What `tandemctl COMMAND --json` prints, by command. null: no answer, and the status says why.
nlohmann::json Node::everything(const Snapshot& snapshot) {
  const auto or_null = [](const control::Answer& answer) {
    return answer ? *answer : nlohmann::json();
  };
  return {{"status", status(snapshot)},
          {"vrrp", vrrp(snapshot, "")},
          {"services", or_null(list_services({}))},
          {"backends", or_null(list_backends({}))},
          {"events", events_.document(0, kEvents)}};
}

}  // namespace tandem::daemon
