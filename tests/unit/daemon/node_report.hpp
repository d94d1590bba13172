// SPDX-License-Identifier: Apache-2.0
// A report over parts that tests set: two virtual routers, a service with two backends, a local one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/report.hpp"
#include "parts.hpp"

namespace tandem::daemon {

class ReportFixture : public testing::Test {
 protected:
  ReportFixture() {
    const auto& configured = running_.plan.config.services;
    services_.resize(2);
    services_[0].config = configured[0];
    services_[0].number = 1;
    services_[1].config = configured[1];
    for (std::uint16_t slot = 1; slot <= 2; slot++)
      services_[0].backends.push_back({.config = configured[0].backends[slot - 1U],
                                       .slot = slot,
                                       .weight = 1,
                                       .state = balance::State::up,
                                       .why = "no check"});
    vrrp_.add(running_.plan);
    interfaces_.resize(1);
    interfaces_[0].config = running_.plan.config.interfaces[0];
  }

  speaker::Snapshot snapshot() {
    speaker::Snapshot taken;
    with_snapshot(vrrp_, running_.plan, [&](const speaker::Snapshot& s) { taken = s; });
    // Without an interface they are in Fault, which is a warning of its own.
    for (auto& status : taken.routers) status.state = vrrp::State::backup;
    return taken;
  }

  boost::asio::io_context loop_;
  Running running_ = running(parsed(kNode));
  DirectVrrp vrrp_;
  MemoryPlane plane_{running_.plan.config};
  observe::EventLog events_;
  observe::ReloadsView reloads_;
  speaker::RealtimeState realtime_{"SCHED_RR 50", true, true};
  std::array<std::uint64_t, speaker::kStallCauses> stalls_{};
  std::vector<speaker::InterfaceState> interfaces_;
  services::RunningServices services_;
  std::vector<std::string> troubles_, part_troubles_, peer_troubles_;
  std::optional<sync::LinkView> link_;
  Tracking tracking_{loop_, running_, vrrp_, events_};
  Report report_{
      {running_, tracking_, events_, reloads_, plane_, realtime_, stalls_, interfaces_,
       [this] { return troubles_; }, [this] { return part_troubles_; },
       [this](vrrp::RouterId) { return peer_troubles_; },
       [](vrrp::RouterId) { return observe::SocketsView{}; }, [] { return 3U; },
       [] { return observe::HttpView{.requests = 7}; }, [] { return std::nullopt; }},
      {running_, services_, plane_, plane_.tables(),
       [](int) { return std::optional<netlink::LinkState>(); },
       [](const auto&) { return std::optional<health::Status>(); }, [this] { return link_; }}};
  const ServicesReport& services_report_ = report_.services();
};

}  // namespace tandem::daemon
