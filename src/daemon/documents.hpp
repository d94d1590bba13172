// SPDX-License-Identifier: Apache-2.0
// What the HTTP server serves: the page, /status and /metrics. The values are collected here, on the
// control thread, and written as text on a thread that nothing else waits for, the scribe.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>

#include "control/http_server.hpp"
#include "daemon/report.hpp"
#include "daemon/running.hpp"
#include "speaker/vrrp_commands.hpp"

namespace tandem::daemon {

class Documents {
 public:
  // The server serves them for as long as this is there.
  Documents(std::unique_ptr<control::HttpServer> server, const Running& running,
            const Report& report, speaker::VrrpCommands& vrrp);

  [[nodiscard]] observe::HttpView view() const;

 private:
  using Write = std::function<Result<std::string>(const observe::Overview&)>;  // on the scribe
  void serve(const std::string& path, const std::string& type, Write write);

  const Running& running_;
  const Report& report_;
  speaker::VrrpCommands& vrrp_;
  std::unique_ptr<control::HttpServer> server_;
  boost::asio::thread_pool scribe_{1};
};

}  // namespace tandem::daemon
