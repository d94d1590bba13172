// SPDX-License-Identifier: Apache-2.0
// Looks at a data plane time and again, and tells when its forwarder's thread stands still or goes on.
// Belongs to the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <utility>

#include "base/watch.hpp"
#include "dataplane/data_plane.hpp"
#include "dataplane/stall_watch.hpp"

namespace tandem::dataplane {

class PlaneWatch {
 public:
  PlaneWatch(boost::asio::io_context& loop, DataPlane& plane,
             std::function<void(bool admits)> changed)
      : plane_(plane), changed_(std::move(changed)), due_(loop, [this] { look(); }) {
    look();
  }

 private:
  void look() {
    const MonotonicTime now = MonotonicClock::now();
    plane_.check(now);
    if (const bool admits = plane_.can_admit(); admits != std::exchange(admitted_, admits))
      changed_(admits);
    due_.set(now + StallWatch::kInterval);
  }

  DataPlane& plane_;
  std::function<void(bool admits)> changed_;
  bool admitted_ = true;
  Alarm due_;
};

}  // namespace tandem::dataplane
