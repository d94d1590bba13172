// SPDX-License-Identifier: Apache-2.0
// Receive queues: against CPUs, against workers, against what the driver has for XDP.
#include <algorithm>

#include "ctl/doctor/interfaces.hpp"

namespace tandem::doctor {
namespace {

// ixgbe has a transmit queue for XDP on each CPU, out of 64 for these and the combined queues
// (drivers/net/ethernet/intel/ixgbe: MAX_XDP_QUEUES, IXGBE_MAX_FDIR_INDICES).
constexpr unsigned kIxgbeQueues = 64;

std::string channels_command(const Device& device, unsigned queues) {
  return "ethtool -L " + device.name + (device.channels->combined ? " combined " : " rx ") +
         std::to_string(queues);
}

}  // namespace

void judge_queues(const config::Config& config, const Device& device, const Network& network,
                  Findings& findings) {
  if (!device.channels || device.channels->rx == 0) return;
  const auto [rx, most, combined] = *device.channels;
  const auto cpus = static_cast<unsigned>(network.cpus.size());
  const auto add = [&](Severity severity, const std::string& what, const std::string& fix = "") {
    findings.add(Check::interface_queues, severity, device.name, what, fix);
  };
  const std::string has = std::to_string(rx) + (rx == 1 ? " queue" : " queues");
  const auto workers = config.node.engine == "dpdk"
                           ? std::max(1U, static_cast<unsigned>(config.dpdk.cpus.size()))
                           : 0U;
  if (rx < workers)
    add(Severity::error, has + " for " + std::to_string(workers) + " workers",
        most >= workers ? channels_command(device, workers) : "");
  else if (device.driver == "ixgbe" && rx + cpus > kIxgbeQueues)
    add(Severity::warning,
        has + " and " + std::to_string(cpus) + " CPUs: more than " + std::to_string(kIxgbeQueues) +
            " together, so ixgbe refuses native XDP",
        cpus < kIxgbeQueues ? channels_command(device, kIxgbeQueues - cpus) : "");
  else if (workers == 0 && rx == 1 && cpus > 1 && most > 1)
    add(Severity::warning,
        has + " of " + std::to_string(most) + ": one of " + std::to_string(cpus) +
            " CPUs takes all packets",
        channels_command(device, std::min(most, cpus)));
  else
    add(Severity::ok, has + ", " + std::to_string(cpus) + (cpus == 1 ? " CPU" : " CPUs"));
}

}  // namespace tandem::doctor
