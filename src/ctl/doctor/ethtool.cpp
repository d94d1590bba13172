// SPDX-License-Identifier: Apache-2.0
// What a driver says of itself, by the ioctls of ethtool(8). What it does not say stays unset.
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/descriptor.hpp"
#include "ctl/doctor/device.hpp"

namespace tandem::doctor {
namespace {

class Ethtool {
 public:
  explicit Ethtool(const std::string& device)
      : device_(device), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  bool ask(void* question) const {
    ifreq request{};
    device_.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = static_cast<char*>(question);
    return socket_ && ioctl(socket_.get(), SIOCETHTOOL, &request) == 0;
  }

 private:
  std::string device_;
  Descriptor socket_;
};

// A question whose answer is longer the more features there are: its head, then `rows` elements.
template <class Head, class Row>
class Long {
 public:
  explicit Long(std::uint32_t command, std::size_t rows)
      : words_((sizeof(Head) + rows * sizeof(Row) + 7) / 8) {
    head().cmd = command;
  }
  Head& head() { return *reinterpret_cast<Head*>(words_.data()); }
  const Row& row(std::size_t i) const {
    return reinterpret_cast<const Row*>(reinterpret_cast<const char*>(words_.data()) +
                                        sizeof(Head))[i];
  }
  void* data() { return words_.data(); }

 private:
  std::vector<std::uint64_t> words_;  // aligned for either
};

std::uint32_t feature_count(const Ethtool& ethtool) {
  Long<ethtool_sset_info, std::uint32_t> sizes(ETHTOOL_GSSET_INFO, 1);
  sizes.head().sset_mask = 1ULL << ETH_SS_FEATURES;
  return ethtool.ask(sizes.data()) && sizes.head().sset_mask != 0 ? sizes.row(0) : 0;
}

std::map<std::string, Feature> features_of(const Ethtool& ethtool) {
  constexpr std::uint32_t kBits = 32;  // features in a block
  const std::uint32_t count = feature_count(ethtool);
  const std::uint32_t blocks = (count + kBits - 1) / kBits;
  Long<ethtool_gstrings, std::array<char, ETH_GSTRING_LEN>> names(ETHTOOL_GSTRINGS, count);
  names.head().string_set = ETH_SS_FEATURES;
  names.head().len = count;
  Long<ethtool_gfeatures, ethtool_get_features_block> states(ETHTOOL_GFEATURES, blocks);
  states.head().size = blocks;
  std::map<std::string, Feature> features;
  if (count == 0 || !ethtool.ask(names.data()) || !ethtool.ask(states.data())) return features;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& name = names.row(i);
    const auto& block = states.row(i / kBits);
    const std::uint32_t bit = 1U << i % kBits;
    features[std::string(name.data(), strnlen(name.data(), name.size()))] = {
        (block.active & bit) != 0,
        (block.never_changed & bit) != 0 || (block.available & bit) == 0};
  }
  return features;
}

}  // namespace

void ask_driver(Device& device) {
  const Ethtool ethtool(device.name);
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (ethtool.ask(&driver)) device.driver = driver.driver;
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (ethtool.ask(&channels))
    device.channels =
        Channels{channels.rx_count + channels.combined_count,
                 std::max(channels.max_rx, channels.max_combined), channels.max_combined > 0};
  ethtool_ringparam rings{};
  rings.cmd = ETHTOOL_GRINGPARAM;
  if (ethtool.ask(&rings) && rings.rx_max_pending > 0)
    device.rings = Rings{rings.rx_pending, rings.rx_max_pending};
  device.features = features_of(ethtool);
}

}  // namespace tandem::doctor
