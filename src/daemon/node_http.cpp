// SPDX-License-Identifier: Apache-2.0
// What the HTTP server serves. The values are collected here, on the control thread, and written as
// text on a thread that nothing else waits for.
#include <boost/asio/post.hpp>

#include "daemon/node.hpp"
#include "observe/page.hpp"

namespace tandem::daemon {
namespace {

constexpr std::size_t kEvents = 50;  // the newest, in /status

}  // namespace

void Node::serve_http() {
  if (!http_) return;
  http_->on(
      "/", "text/html; charset=utf-8",
      [](const control::HttpServer::Done& done) { done(std::string(observe::kPage)); },
      observe::page_policy(plan_.config.node.peer_http));
  scribe_.emplace(1);
  serve_text("/status", "application/json", observe::overview_text);
  serve_text("/metrics", "text/plain; version=0.0.4; charset=utf-8",
             [](const observe::Overview& overview) {
               return observe::metrics_text(overview, observe::ProcessView::read());
             });
}

void Node::serve_text(const std::string& path, const std::string& type, Write write) {
  http_->on(path, type, [this, write = std::move(write)](control::HttpServer::Done done) {
    with_snapshot([this, write, done = std::move(done)](const Snapshot& snapshot) {
      auto seen = std::make_shared<const observe::Overview>(overview(snapshot));
      boost::asio::post(*scribe_, [seen, write, done] { done(write(*seen)); });
    });
  });
}

observe::Overview Node::overview(const Snapshot& snapshot) {
  observe::Overview seen;
  seen.now = observe::Now::read();
  seen.node = node_view(snapshot);
  seen.routers = router_views(snapshot, "");
  seen.backends = backend_views(std::nullopt, std::nullopt);
  seen.services = services_view(std::nullopt);
  seen.engine = plane_->view();
  if (http_) {
    const auto& counted = http_->counters();
    seen.http = {counted.connections, counted.evicted, counted.requests, counted.refused};
  }
  if (nginx_) seen.nginx = nginx_->view();
  seen.events = events_.document(0, kEvents);
  return seen;
}

}  // namespace tandem::daemon
