// SPDX-License-Identifier: Apache-2.0
// A new configuration in place of the running one, as one transaction. Only the difference is
// applied; a file with anything wrong in it changes nothing.
//
//   plan       read and check the file, give numbers to what is named in it
//   stage      each part takes what may fail, in the order of the parts
//   commit     the new plan runs; each part finishes, in the same order. Nothing can fail
//   roll back  a part could not stage: each part gets the old plan again, and the numbers return
//
// Gates before leases: what is new is steered (staged) before the VRRP thread hears of it
// (committed). The gate of what goes is open for as long as it takes to have the kernel remove its
// addresses; then it resigns, and only then does its link go.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "control/server.hpp"
#include "daemon/running.hpp"
#include "observe/status_document.hpp"

namespace tandem::daemon {

// From one plan to another. At the start `from` is empty.
struct Change {
  const speaker::Plan& from;
  const speaker::Plan& to;
};

// What one part of the node does in a reload. Empty: nothing.
struct ReloadPart {
  std::function<Result<void>(const Change&)> stage = {};
  std::function<void(const Change&)> commit = {};
  // If any part fails to stage, this is called for every part, also for parts that never staged. A
  // part whose stage() changes nothing when it fails, and which stages last, needs none.
  std::function<void(const Change&)> roll_back = {};
};

class Reload {
 public:
  // What of a configuration does not fit this machine or this build.
  using Check = std::function<std::vector<config::Problem>(const config::Config&)>;

  // running: changed by this alone.
  Reload(Running& running, Check check, std::vector<ReloadPart> parts)
      : running_(running), check_(std::move(check)), parts_(std::move(parts)) {}

  // The first configuration, which has been checked. Nothing is rolled back. handed_over: virtual
  // routers that were, when an earlier run ended.
  Result<void> start(const config::Config& config, const std::set<std::string>& handed_over = {});
  // What changed, for the operator: {"added": ["VI_3"], "removed": [], "changed": [],
  // "unchanged": 2, "warnings": []}. Errors: each problem of the file, in a line; a key that cannot
  // change while running; what a part said.
  control::Answer reload(const std::string& file);

  // The running configuration with other backends.
  Result<void> install(const config::Config& config, nlohmann::json* difference_made = nullptr);

  [[nodiscard]] const observe::ReloadsView& counted() const { return counted_; }

 private:
  control::Answer replace(const std::string& file);
  Result<void> apply(const speaker::Plan& to);
  void roll_back(const speaker::Plan& to, const speaker::Numbers& numbers);

  Running& running_;
  Check check_;
  std::vector<ReloadPart> parts_;
  observe::ReloadsView counted_;
};

}  // namespace tandem::daemon
