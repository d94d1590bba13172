// SPDX-License-Identifier: Apache-2.0
// Which backends may get flows, as time goes on: by checks, next hops, the operator and the
// configuration. Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/watch.hpp"
#include "health/checker.hpp"
#include "netlink/links.hpp"
#include "netlink/next_hop.hpp"
#include "netlink/tunnel_errors.hpp"
#include "services/running_service.hpp"
#include "speaker/interfaces.hpp"

namespace tandem::services {

// A backend's state, and why it has it.
struct Verdict {
  balance::State state = balance::State::down;
  std::string why;
};
// unreachable: why there is no way to it; nullopt: there is one.
[[nodiscard]] Verdict verdict_on(const config::Service& service, const RunningBackend& backend,
                                 const std::optional<std::string>& unreachable);

class BackendStates {
 public:
  // A backend was looked at again. news: its state has changed, and for another reason.
  using Judged = std::function<void(RunningService&, RunningBackend&, bool news)>;

  // services: those that it looks at; their backends' states are changed by this alone. ports: that
  // checks leave by.
  BackendStates(boost::asio::io_context& loop, netlink::NextHops next_hops,
                const netlink::Links& links, RunningServices& services,
                health::SharedLocalPorts ports, Judged judged);

  // Other services or backends: begins to check and resolve those that there are now.
  void watch();
  // Interfaces or links have changed.
  void follow(const speaker::Interfaces& interfaces);
  // The operator or the configuration has changed the backend.
  void judge(RunningService& service, RunningBackend& backend);

  // The way to the backend as the packet core has it: the device and the tags that the kernel's
  // interface stands for. Error: why there is none.
  [[nodiscard]] Result<td_hop> hop_of(const RunningBackend& backend) const;
  // nullopt: nothing checks it.
  [[nodiscard]] std::optional<health::Status> last_check(const RunningBackend& backend) const {
    return backend.check ? std::optional(checker_.status(*backend.check)) : std::nullopt;
  }

 private:
  void watch_tunnels(boost::asio::io_context& loop);
  void on_check(std::size_t index, bool up, const std::string& why);

  RunningServices& services_;
  const netlink::Links& links_;
  netlink::NextHops next_hops_;
  Judged judged_;
  const speaker::Interfaces* interfaces_ = nullptr;  // nullptr: not known yet
  health::Checker checker_;
  std::vector<std::pair<std::string, std::uint16_t>> checked_;  // service and slot, by check
  Alarm due_;                                                   // next hops
  ReadWatch readable_;
  std::optional<netlink::TunnelErrors> tunnel_errors_;  // unset: not to be had
  std::vector<std::unique_ptr<ReadWatch>> tunnels_readable_;
};

}  // namespace tandem::services
