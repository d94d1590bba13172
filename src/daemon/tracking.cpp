// SPDX-License-Identifier: Apache-2.0
#include "daemon/tracking.hpp"

#include <spdlog/spdlog.h>

namespace tandem::daemon {

Tracking::Tracking(boost::asio::io_context& loop, const Running& running,
                   speaker::VrrpCommands& vrrp, observe::EventLog& events)
    : running_(running),
      vrrp_(vrrp),
      events_(events),
      checker_(loop, [this](std::size_t index, bool up, const std::string& why) {
        on_check(index, up, why);
      }) {}

void Tracking::look_at_interfaces(const std::function<bool(const std::string&)>& is_up) {
  const std::string prefix = speaker::tracked_interface("");
  for (const auto& [name, number] : running_.numbers.tracked.all())
    if (name.starts_with(prefix)) set(name, is_up(name.substr(prefix.size())));
}

void Tracking::look_at_services(const services::RunningServices& services) {
  for (const auto& service : services)
    if (service.number != 0) set(speaker::tracked_service(service.config.name), service.up);
}

void Tracking::look_at_forwarding(const std::vector<dataplane::DataPlane::Unserved>& unserved) {
  set(speaker::kTrackedForwarding, unserved.empty());
  if (unserved == unserved_) return;
  unserved_ = unserved;
  std::string text = "services with backends are served again";
  if (!unserved.empty()) text = "services with backends are not served: new flows are lost";
  for (const auto& device : unserved) text += "; " + device.device + ": " + device.why;
  spdlog::log(unserved.empty() ? spdlog::level::info : spdlog::level::err, "{}", text);
  events_.add(observe::NoticeEvent{text});
}

vrrp::Failing Tracking::failing(const speaker::PlannedRouter& router) const {
  vrrp::Failing failing;
  for (const auto& tracked : router.settings.tracked) {
    const auto known = up_.find(tracked.name);
    failing.push_back(known != up_.end() && !known->second);
  }
  return failing;
}

void Tracking::on_check(std::size_t index, bool up, const std::string& why) {
  const std::string& name = running_.plan.config.checks[index].name;
  spdlog::log(up ? spdlog::level::info : spdlog::level::warn, "check {}: {}: {}", name,
              up ? "up" : "down", why);
  events_.add(observe::CheckEvent{name, up, why});
  set(speaker::tracked_check(name), up);
}

void Tracking::set(const std::string& name, bool up) {
  const auto source = running_.numbers.tracked.find(name);
  const auto known = up_.find(name);
  if (!source) {
    up_.erase(name);  // told anew, should somebody track it again
    return;
  }
  if (known != up_.end() && known->second == up) return;
  up_[name] = up;
  vrrp_.post([source = *source, up](speaker::VrrpDriver& driver, MonotonicTime now) {
    driver.on_track(source, up, now);
  });
}

}  // namespace tandem::daemon
