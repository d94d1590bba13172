// SPDX-License-Identifier: Apache-2.0
// Where the control thread puts what is to be done with the virtual routers: onto the VRRP thread,
// or, in tests, straight to a driver.
#pragma once

#include <functional>

#include "base/time.hpp"
#include "speaker/vrrp_driver.hpp"

namespace tandem::speaker {

class VrrpCommands {
 public:
  using Run = std::function<void(VrrpDriver&, MonotonicTime now)>;
  using Finished = std::function<void()>;

  virtual ~VrrpCommands() = default;
  // Runs `run` on the thread that has the driver, then `finished` on the control thread.
  virtual void post(Run run, Finished finished = {}) = 0;
};

}  // namespace tandem::speaker
