// SPDX-License-Identifier: Apache-2.0
#include "daemon/documents.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "observe/page.hpp"

namespace tandem::daemon {

Documents::Documents(std::unique_ptr<control::HttpServer> server, const Running& running,
                     const Report& report, speaker::VrrpCommands& vrrp)
    : running_(running), report_(report), vrrp_(vrrp), server_(std::move(server)) {
  server_->set_reader(running_.plan.config.node.peer_http);
  server_->on(
      "/", "text/html; charset=utf-8",
      [](const control::HttpServer::Done& done) { done(std::string(observe::kPage)); },
      observe::page_policy(running_.plan.config.node.peer_http));
  serve("/healthz", "text/plain; charset=utf-8",
        [](const observe::Overview&) { return std::string("ok\n"); });
  serve("/ready", "text/plain; charset=utf-8", observe::readiness_text);
  serve("/status", "application/json", observe::overview_text);
  serve("/metrics", "text/plain; version=0.0.4; charset=utf-8",
        [](const observe::Overview& overview) {
          return observe::metrics_text(overview, observe::ProcessView::read());
        });
}

void Documents::serve(const std::string& path, const std::string& type, Write write) {
  server_->on(path, type, [this, write = std::move(write)](control::HttpServer::Done done) {
    with_snapshot(vrrp_, running_.plan,
                  [this, write, done = std::move(done)](const speaker::Snapshot& snapshot) {
                    auto seen =
                        std::make_shared<const observe::Overview>(report_.overview(snapshot));
                    boost::asio::post(scribe_, [seen, write, done] { done(write(*seen)); });
                  });
  });
}

observe::HttpView Documents::view() const {
  const auto& counted = server_->counters();
  return {counted.connections, counted.evicted, counted.requests, counted.refused};
}

}  // namespace tandem::daemon
