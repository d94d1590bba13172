// SPDX-License-Identifier: Apache-2.0
#include "daemon/nginx_watch.hpp"

#include <spdlog/spdlog.h>

namespace tandem::daemon {

NginxWatch::NginxWatch(boost::asio::io_context& loop, const config::Nginx& config)
    : config_(config),
      probe_(health::make_http_fetch(loop, config.stub_status)),
      due_(loop, [this] { ask(); }),
      patience_(loop, [this] {
        take({false, "timed out while " + probe_->stop()});
      }) {
  ask();
}

void NginxWatch::ask() {
  patience_.set(MonotonicClock::now() + config_.timeout);
  probe_->start([this](const health::ProbeResult& result) {
    patience_.set(kNever);
    take(result);
  });
}

void NginxWatch::take(const health::ProbeResult& result) {
  observe::NginxView view;
  if (result.pass) view.status = observe::StubStatus::parse(result.body);
  if (!view.status && (!view_ || view_->status))
    spdlog::warn("nginx.stub_status: {}",
                 result.pass ? "the answer is no stub_status" : result.detail);
  view_ = view;
  due_.set(MonotonicClock::now() + config_.interval);
}

}  // namespace tandem::daemon
