// SPDX-License-Identifier: Apache-2.0
// Asks the node's own Nginx for its stub_status, time and again. Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "base/watch.hpp"
#include "config/config.hpp"
#include "health/probe.hpp"
#include "observe/overview.hpp"

namespace tandem::daemon {

class NginxWatch {
 public:
  NginxWatch(boost::asio::io_context& loop, const config::Nginx& config);

  [[nodiscard]] const config::Nginx& config() const { return config_; }
  // nullopt: it has not been asked yet.
  [[nodiscard]] const std::optional<observe::NginxView>& view() const { return view_; }

 private:
  void ask();
  void take(const health::ProbeResult& result);

  config::Nginx config_;
  std::unique_ptr<health::Probe> probe_;
  Alarm due_;       // to ask
  Alarm patience_;  // for the answer
  std::optional<observe::NginxView> view_;
};

}  // namespace tandem::daemon
