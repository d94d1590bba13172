// SPDX-License-Identifier: Apache-2.0
// Runs many checks beside an event loop, each with its own rhythm, and tells when one goes up or
// down. Used for the [[check]] blocks and for the backends of services alike.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/check_figures.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "health/local_ports.hpp"
#include "health/verdict_counter.hpp"

namespace tandem::health {

struct Status {
  std::string name;
  State state = State::unknown;
  MonotonicTime since{};  // in this state
  int consecutive = 0;    // last results that were alike, the last one included
  std::string detail;     // of the last run: "HTTP 503", "timed out after 1s while connecting"
  MonotonicTime begun{};  // when the last run that is over began
  CheckFigures figures;
};

// Belongs to the thread that runs the io_context, and must not outlive the io_context.
class Checker {
 public:
  // `index` is the check's place in the list last given to apply(); `why` is the detail of the run
  // that decided. Called from the loop, only when a check's state changes. May call apply(); may
  // not destroy the Checker.
  using OnChange = std::function<void(std::size_t index, bool up, const std::string& why)>;

  // ports: that its probes leave by.
  Checker(boost::asio::io_context& loop, OnChange on_change, SharedLocalPorts ports = nullptr);
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;
  ~Checker();  // stops every check; commands that are running are killed

  // Makes `checks` the checks that run, numbered as they stand in the list. One that is equal to a
  // check that runs already keeps its state, rhythm and figures, whatever its new number; it is
  // not reported again. The others start with State::unknown; those left out are stopped.
  // Expects of each check: one kind of probe, interval and timeout above zero, fall and rise >= 1.
  void apply(const std::vector<config::Check>& checks);

  [[nodiscard]] std::size_t size() const noexcept { return watches_.size(); }
  [[nodiscard]] Status status(std::size_t index) const;  // index < size()
  [[nodiscard]] std::vector<Status> statuses() const;    // in the order of apply()

 private:
  class Watch;
  boost::asio::io_context& loop_;
  OnChange on_change_;
  SharedLocalPorts ports_;
  std::vector<std::shared_ptr<Watch>> watches_;
};

}  // namespace tandem::health
