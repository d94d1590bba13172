// SPDX-License-Identifier: Apache-2.0
// What the HTTP server serves. The values are collected here, on the control thread, and written as
// text on a thread that nothing else waits for.
#include <boost/asio/post.hpp>

#include "daemon/node.hpp"
#include "observe/page.hpp"

namespace tandem::daemon {
void Node::serve_http() {
  if (!http_) return;
  http_->on(
      "/", "text/html; charset=utf-8",
      [](const control::HttpServer::Done& done) { done(std::string(observe::kPage)); },
      observe::page_policy(running_.plan.config.node.peer_http));
  scribe_.emplace(1);
  serve_text("/status", "application/json", observe::overview_text);
  serve_text("/metrics", "text/plain; version=0.0.4; charset=utf-8",
             [](const observe::Overview& overview) {
               return observe::metrics_text(overview, observe::ProcessView::read());
             });
}

void Node::serve_text(const std::string& path, const std::string& type, Write write) {
  http_->on(path, type, [this, write = std::move(write)](control::HttpServer::Done done) {
    with_snapshot(*thread_, running_.plan,
                  [this, write, done = std::move(done)](const speaker::Snapshot& snapshot) {
                    auto seen =
                        std::make_shared<const observe::Overview>(report_->overview(snapshot));
                    boost::asio::post(*scribe_, [seen, write, done] { done(write(*seen)); });
                  });
  });
}

}  // namespace tandem::daemon
