// SPDX-License-Identifier: Apache-2.0
// What XDP and workers forward, answer and drop, into a file. One capture at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>

#include "base/watch.hpp"
#include "control/requests.hpp"
#include "control/server.hpp"
#include "dataplane/data_plane.hpp"
#include "engine/ring.hpp"
#include "engine/steering_program.hpp"
#include "netlink/links.hpp"
#include "observe/capture_filter.hpp"
#include "observe/pcapng.hpp"

namespace tandem::daemon {

class Capture {
 public:
  struct Deps {
    boost::asio::io_context& loop;
    engine::SteeringProgram& program;
    dataplane::DataPlane& plane;
    const netlink::Links& links;
  };

  explicit Capture(const Deps& deps);
  ~Capture();

  // Answers when it has ended: by count, by time, by end(), or since another one begins.
  // {"packets": N, "lost": N, "seconds": S, "file": "..."}. Errors: the filter is wrong, the file
  // cannot be written.
  void start(const control::CaptureRequest& request, control::Completion done);
  void end() { finish(); }

 private:
  struct Running;
  void drain();
  void drain_workers();
  void take(const td_captured& captured);
  void finish();

  Deps deps_;
  Alarm due_, workers_due_;
  std::optional<Result<engine::CaptureRing>> ring_;
  std::unique_ptr<ReadWatch> readable_;
  std::unique_ptr<Running> running_;
};

}  // namespace tandem::daemon
