// SPDX-License-Identifier: Apache-2.0
#include "engine/rx_queues.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>

#include "base/descriptor.hpp"

namespace tandem::engine {
namespace {

// 0: the driver does not say.
unsigned as_channels(const std::string& device) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  if (!any || ioctl(any.get(), SIOCETHTOOL, &request) != 0) return 0;
  return channels.rx_count + channels.combined_count;
}

// sysfs shows the namespace that mounted it, which need not be ours: second choice.
unsigned in_sysfs(const std::string& device) {
  std::error_code error;
  unsigned queues = 0;
  const std::filesystem::directory_iterator all("/sys/class/net/" + device + "/queues", error);
  if (error) return 0;
  for (const auto& queue : all)
    if (queue.path().filename().string().starts_with("rx-")) queues++;
  return queues;
}

}  // namespace

unsigned mtu_of(const std::string& device) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  if (!any || ioctl(any.get(), SIOCGIFMTU, &request) != 0) return 0;
  return static_cast<unsigned>(request.ifr_mtu);
}

unsigned rx_queues(const std::string& device) {
  if (const unsigned queues = as_channels(device); queues > 0) return queues;
  return std::max(in_sysfs(device), 1u);
}

}  // namespace tandem::engine
