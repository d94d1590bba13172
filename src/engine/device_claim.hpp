// SPDX-License-Identifier: Apache-2.0
// Which tandemd has a device: one whose tables are elsewhere could not be seen by its pins, and
// would take the other's program off the device.
//
// A claim is a socket that listens at an abstract address of the device's network namespace; the
// kernel tells whose it is, and ends it with its process. Anybody can listen there, so that only one
// of root's counts.
#pragma once

#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace tandem::engine {

class DeviceClaim {
 public:
  // An error if another process of root's has it.
  static Result<DeviceClaim> take(unsigned ifindex, const std::string& name);

  DeviceClaim() = default;

 private:
  explicit DeviceClaim(Descriptor socket) : socket_(std::move(socket)) {}

  Descriptor socket_;  // none: somebody who does not count is there
};

}  // namespace tandem::engine
