// SPDX-License-Identifier: Apache-2.0
#include "services/backend_states.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace tandem::services {
namespace {

config::Check check_of(const config::Service& service, const config::Backend& backend) {
  const config::BackendCheck& c = *service.check;
  const std::uint16_t port = c.port != 0 ? c.port : backend.port;
  config::Check check;
  check.name = service.name + "/" + endpoint_of(backend);
  check.interval = c.interval;
  check.timeout = c.timeout;
  check.fall = c.fall;
  check.rise = c.rise;
  if (c.http || c.https) {
    check.http = config::HttpProbe{};
    check.http->tls = c.https.has_value();
    check.http->host = backend.address.to_string();
    check.http->port = port;
    check.http->target = c.http ? *c.http : *c.https;
    check.http->terms = c.terms;
  } else if (c.tcp) {
    check.tcp = config::TcpProbe{backend.address, port};
  } else {
    check.command = config::CommandProbe{c.command};
    check.command->argv.push_back(backend.address.to_string());
    check.command->argv.push_back(std::to_string(port));
  }
  return check;
}

}  // namespace

Verdict verdict_on(const config::Service& service, const RunningBackend& backend,
                   const std::optional<std::string>& unreachable) {
  const std::string check = !service.check      ? "no check"
                            : !backend.check_up ? "not checked yet"
                                                : "check: " + backend.check_why;
  if (unreachable) return {balance::State::down, *unreachable};
  if (backend.check_up && !*backend.check_up) return {balance::State::down, check};
  if (backend.retired) return {balance::State::draining, "no longer configured"};
  if (backend.drained)
    return {balance::State::draining,
            "drained by the operator" +
                (backend.drained_on.empty() ? "" : " on " + backend.drained_on)};
  if (backend.weight == 0) return {balance::State::up, "weight 0: no new flows"};
  return {balance::State::up, check};
}

BackendStates::BackendStates(boost::asio::io_context& loop, netlink::NextHops next_hops,
                             const netlink::Links& links, RunningServices& services,
                             health::SharedLocalPorts ports, Judged judged)
    : services_(services),
      links_(links),
      next_hops_(std::move(next_hops)),
      judged_(std::move(judged)),
      checker_(
          loop,
          [this](std::size_t index, bool up, const std::string& why) { on_check(index, up, why); },
          std::move(ports)),
      due_(loop,
           [this] {
             next_hops_.on_time(MonotonicClock::now());
             due_.set(next_hops_.next_deadline());
           }),
      readable_(loop, next_hops_.fd(), [this] {
        next_hops_.process(MonotonicClock::now());
        due_.set(next_hops_.next_deadline());
      }) {
  next_hops_.on_change([this](const netlink::Destination& changed) {
    for (auto& service : services_)
      for (auto& backend : service.backends)
        if (backend.config.address == changed.address) judge(service, backend);
  });
  watch_tunnels(loop);
}

void BackendStates::watch_tunnels(boost::asio::io_context& loop) {
  auto errors = netlink::TunnelErrors::open();
  if (!errors)
    return spdlog::warn(
        "{}: \"too big\" from routers on the way to backends of tunnel is not heard",
        errors.error().message);
  tunnel_errors_.emplace(std::move(*errors));
  for (const int fd : tunnel_errors_->fds())
    tunnels_readable_.push_back(std::make_unique<ReadWatch>(loop, fd, [this] {
      tunnel_errors_->process([this](const IpAddress& to) {
        next_hops_.ask_again(to, MonotonicClock::now());
        due_.set(next_hops_.next_deadline());
      });
    }));
}

void BackendStates::watch() {
  std::vector<config::Check> checks;
  std::vector<netlink::Destination> destinations;
  checked_.clear();
  for (auto& service : services_) {
    for (auto& backend : service.backends) {
      destinations.push_back({backend.config.address, 0});
      backend.check.reset();
      if (!service.config.check) backend.check_up.reset();
      if (!service.config.check || backend.retired) continue;
      backend.check = checks.size();
      checks.push_back(check_of(service.config, backend.config));
      checked_.emplace_back(service.config.name, backend.slot);
    }
  }
  checker_.apply(checks);
  next_hops_.watch(destinations, MonotonicClock::now());
  due_.set(next_hops_.next_deadline());
}

void BackendStates::follow(const speaker::Interfaces& interfaces) {
  interfaces_ = &interfaces;
  for (auto& service : services_)
    for (auto& backend : service.backends) judge(service, backend);
}

void BackendStates::on_check(std::size_t index, bool up, const std::string& why) {
  if (index >= checked_.size()) return;
  const auto& [name, slot] = checked_[index];
  for (auto& service : services_) {
    if (service.number == 0 || service.config.name != name) continue;
    for (auto& backend : service.backends) {
      if (backend.slot != slot) continue;
      backend.check_up = up;
      backend.check_why = why;
      judge(service, backend);
    }
  }
}

Result<td_hop> BackendStates::hop_of(const RunningBackend& backend) const {
  if (!backend.next_hop || interfaces_ == nullptr)
    return fail("next hop: " + next_hops_.why_unresolved({backend.config.address, 0}));
  const auto& interfaces = interfaces_->all();
  const auto found = std::ranges::find_if(interfaces, [&](const speaker::InterfaceState& state) {
    return state.present && state.attached && state.host == backend.next_hop->ifindex;
  });
  const auto link = links_.find(backend.next_hop->ifindex);
  if (found == interfaces.end())
    return fail("next hop: leaves by " + (link ? link->name : "a device that is gone") +
                ", which is no [[interface]]");
  td_hop hop{};
  hop.ifindex = static_cast<std::uint32_t>(found->placement.device);
  std::uint32_t mtu = link ? link->mtu : 1500U;
  if (backend.next_hop->mtu != 0) mtu = std::min(mtu, backend.next_hop->mtu);
  hop.mtu = static_cast<std::uint16_t>(std::min(mtu, 65535U));
  for (std::size_t i = 0; i < 2; i++) {
    hop.vlan[i] = found->placement.vlan[i];
    hop.tpid[i] = TD_ETHERTYPE_8021Q;
  }
  std::ranges::copy(backend.next_hop->mac.bytes, hop.destination);
  std::ranges::copy(found->mac.bytes, hop.source);
  return hop;
}

void BackendStates::judge(RunningService& service, RunningBackend& backend) {
  if (interfaces_ == nullptr) return;
  backend.next_hop = next_hops_.lookup({backend.config.address, 0});
  const auto hop = hop_of(backend);
  const Verdict verdict =
      verdict_on(service.config, backend, hop ? std::nullopt : std::optional(hop.error().message));
  const bool other = verdict.state != backend.state;
  const bool other_reason = verdict.why != backend.why;
  if (other) backend.since = MonotonicClock::now();
  backend.state = verdict.state;
  backend.why = verdict.why;
  judged_(service, backend, other && other_reason);
}

}  // namespace tandem::services
