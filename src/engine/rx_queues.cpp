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

// `what`: an ioctl of netdevice(7), which answers in the request.
bool ask(const std::string& device, unsigned long what, ifreq& request) {
  const Descriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  return any && ioctl(any.get(), what, &request) == 0;
}

// `answer`: one of linux/ethtool.h, with its command.
template <typename Answer>
bool ask_ethtool(const std::string& device, Answer& answer) {
  ifreq request{};
  request.ifr_data = reinterpret_cast<char*>(&answer);
  return ask(device, SIOCETHTOOL, request);
}

// 0: the driver does not say.
unsigned as_channels(const std::string& device) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  return ask_ethtool(device, channels) ? channels.rx_count + channels.combined_count : 0;
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

std::string driver_of(const std::string& device) {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  return ask_ethtool(device, driver) ? driver.driver : "";
}

unsigned mtu_of(const std::string& device) {
  ifreq request{};
  return ask(device, SIOCGIFMTU, request) ? static_cast<unsigned>(request.ifr_mtu) : 0;
}

unsigned rx_queues(const std::string& device) {
  if (const unsigned queues = as_channels(device); queues > 0) return queues;
  return std::max(in_sysfs(device), 1u);
}

}  // namespace tandem::engine
