// SPDX-License-Identifier: Apache-2.0
// How an XDP program is on a device.
#pragma once

#include <cstdint>

#include "config/config.hpp"

namespace tandem::engine {

using config::XdpMode;

// Behind libxdp's dispatcher several programs share a device. Kernels can refuse that.
enum class XdpWay : std::uint8_t { dispatcher, alone };

struct XdpAttachment {
  XdpMode mode = XdpMode::native;
  XdpWay way = XdpWay::dispatcher;
  bool operator==(const XdpAttachment&) const = default;
};

}  // namespace tandem::engine
