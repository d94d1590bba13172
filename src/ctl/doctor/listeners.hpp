// SPDX-License-Identifier: Apache-2.0
// What listens on this node, for services with forward = "local".
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.hpp"
#include "config/config.hpp"
#include "ctl/doctor/finding.hpp"
#include "ctl/doctor/root.hpp"
#include "ctl/doctor/sysctls.hpp"

namespace tandem::doctor {

struct Listener {
  config::Protocol protocol = config::Protocol::tcp;
  IpAddress address;  // unspecified: on all addresses
  std::uint16_t port = 0;
};

[[nodiscard]] std::vector<Listener> read_listeners(const Root& root);

void judge_listeners(const config::Config& config, const std::vector<Listener>& listeners,
                     const Sysctls& sysctls, Findings& findings);

}  // namespace tandem::doctor
