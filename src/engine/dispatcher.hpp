// SPDX-License-Identifier: Apache-2.0
// libxdp's dispatcher: a program that calls several others, so that they share a device. Each is an
// "extension" of one of its functions. What an extension may do is up to the kernel and to the
// dispatcher's version: since Linux 6.12 it may not change packets where the function that it
// stands for does not, as those of libxdp before 1.6.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include "engine/xdp_mode.hpp"

struct xdp_program;

namespace tandem::engine {

struct DispatcherRefusal {
  int error = 0;    // an errno
  std::string why;  // in the kernel's words if it said any, else the errno's text
};

// Loads a program and puts it behind the dispatcher of a device, which comes into being with the
// first. Where libxdp finds that the kernel knows no extensions it attaches the program alone.
using Dispatcher = std::function<std::expected<void, DispatcherRefusal>(
    xdp_program& program, unsigned ifindex, XdpMode mode)>;

std::expected<void, DispatcherRefusal> put_behind_libxdps(xdp_program& program, unsigned ifindex,
                                                          XdpMode mode);

}  // namespace tandem::engine
