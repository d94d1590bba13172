// SPDX-License-Identifier: Apache-2.0
// What `tandemctl explain` tells of a rehearsed packet.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/data_plane.hpp"
#include "forward/rehearsal.hpp"
#include "netlink/links.hpp"
#include "observe/explain_document.hpp"
#include "services/running_service.hpp"
#include "speaker/plan.hpp"

namespace tandem::daemon {

inline constexpr std::uint16_t kAnyClientPort = 49152;  // for who asks without one

[[nodiscard]] observe::FlowView view_of(const forward::KnownFlow& flow,
                                        const services::RunningService& service,
                                        const services::RunningBackend& backend, Duration idle);

class Explanation {
 public:
  struct Deps {
    const speaker::Plan& plan;
    const services::RunningServices& services;
    const dataplane::DataPlane& plane;
    const td_tables& tables;
    const std::function<std::optional<netlink::LinkState>(int ifindex)>& link;
  };
  explicit Explanation(const Deps& deps) : deps_(deps) {}

  [[nodiscard]] observe::ExplainView view(const forward::Question& question,
                                          const forward::Rehearsed& rehearsed, MonotonicTime now);

 private:
  void tell_address(const forward::Question& question, const forward::Rehearsed& rehearsed,
                    MonotonicTime now);
  void tell_service(const forward::Question& question, const forward::Rehearsed& rehearsed);
  void tell_flow(const forward::Rehearsed& rehearsed, MonotonicTime now);
  void tell_nobody();
  void tell_rewrite(const forward::Rehearsed& rehearsed);
  void step(const char* what, std::string result, bool good = true);

  Deps deps_;
  observe::ExplainView view_;
  const services::RunningService* service_ = nullptr;
  const services::RunningBackend* backend_ = nullptr;
};

}  // namespace tandem::daemon
