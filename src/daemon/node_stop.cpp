// SPDX-License-Identifier: Apache-2.0
// The end: make before break. Every Active resigns, but answers until the peer does.
#include <spdlog/spdlog.h>

#include "daemon/node.hpp"

namespace tandem::daemon {
namespace {

// A lease ends by itself within this, unless the advert interval is very long.
constexpr auto kResignPatience = std::chrono::seconds(5);
constexpr auto kNotifyPatience = std::chrono::seconds(10);

}  // namespace

void Node::stop() {
  if (phase_ != Phase::running) return;
  phase_ = Phase::resigning;
  spdlog::info("stopping: handing over");
  manager_->stopping();
  thread_->post([](speaker::VrrpDriver& driver, MonotonicTime now) { driver.shut_down(now); });
  patience_.expires_after(kResignPatience);
  patience_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_idle();
  });
}

void Node::on_idle() {
  if (phase_ != Phase::resigning) return;
  phase_ = Phase::down;
  take_down();
  patience_.expires_after(kNotifyPatience);
  patience_.async_wait([this](const boost::system::error_code&) { loop_.stop(); });
  notifier_->when_idle([this] { loop_.stop(); });
}

void Node::take_down() {
  watches_.clear();
  plane_due_.reset();
  manager_.reset();
  tracking_.reset();
  server_.reset();
  http_.reset();
  nginx_.reset();
  capture_.reset();
  handovers_.reset();
  peers_.reset();
  services_.reset();
  sync_.reset();
  if (plane_) plane_->stop();
  interfaces_.reset();
  thread_.reset();  // nobody grants a lease any more
  for (const auto& r : running_.plan.routers)
    if (auto removed = addresses_->remove(speaker::router_key(r.config)); !removed)
      spdlog::error("{}: {}", r.config.name, removed.error().message);
  program_->close();
  if (plane_) plane_->forget();
  plane_.reset();  // not before the program is off its devices
  program_.reset();
}

}  // namespace tandem::daemon
