// SPDX-License-Identifier: Apache-2.0
#include "dataplane/own_ports.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace tandem::dataplane {
namespace {

constexpr Duration kAgain = std::chrono::seconds(1);

engine::OwnPortOptions options_of(const config::Interface& interface, unsigned workers) {
  engine::OwnPortOptions options;
  options.name = interface.name;
  options.port.arguments = interface.devargs;
  options.port.rx_queues = options.port.tx_queues = static_cast<std::uint16_t>(workers);
  options.port.promiscuous = true;
  if (interface.driver == "pci") {
    options.port.bus = "pci";
    options.port.device = interface.pci;
    return options;
  }
  options.port.bus = "vdev";
  options.port.device = "net_" + interface.driver + "_" + interface.name;
  if (interface.driver == "af_packet") {
    options.device = interface.device;
    options.port.arguments = "iface=" + interface.device + ",qpairs=" + std::to_string(workers) +
                             (interface.devargs.empty() ? "" : "," + interface.devargs);
  }
  return options;
}

}  // namespace

OwnPorts::OwnPorts(unsigned workers, const engine::FramePool& frames, std::function<void()> changed,
                   std::function<void()> wake)
    : workers_(workers), frames_(frames), changed_(std::move(changed)), wake_(std::move(wake)) {}

Result<void> OwnPorts::open(const std::vector<config::Interface>& interfaces) {
  for (const auto& interface : interfaces) {
    if (!interface.has_own_port()) continue;
    Place& place = places_[interface.name];
    place.interface = interface;
    if (place.port != nullptr) continue;
    if (auto opened = open(place); !opened) return opened;
  }
  return {};
}

Result<void> OwnPorts::open(Place& place) {
  auto port = engine::OwnPort::open(options_of(place.interface, workers_), frames_, wake_);
  if (!port) return std::unexpected(port.error());
  place.port = std::move(*port);
  place.why_gone.clear();
  place.trouble.clear();
  changed_();
  return {};
}

// Workers let go of it before it is closed.
void OwnPorts::close(Place& place) {
  const auto gone = std::exchange(place.port, nullptr);
  if (gone != nullptr) changed_();
}

void OwnPorts::close_others(const std::vector<config::Interface>& wanted) {
  for (auto place = places_.begin(); place != places_.end();) {
    const auto it = std::ranges::find(wanted, place->first, &config::Interface::name);
    const bool stays = it != wanted.end() && it->has_own_port();
    if (!stays) close(place->second);
    place = stays ? std::next(place) : places_.erase(place);
  }
}

void OwnPorts::follow(MonotonicTime now) {
  for (auto& [name, place] : places_) {
    if (place.port != nullptr) {
      auto good = place.port->follow();
      if (good) continue;
      spdlog::error("{}; virtual addresses there are released", good.error().message);
      place.trouble = place.why_gone = good.error().message;
      close(place);
    } else if (now < place.again) {
      continue;
    } else if (auto opened = open(place); !opened) {
      place.trouble = opened.error().message;
      if (!place.why_gone.empty())
        place.trouble = place.why_gone + "; it cannot be opened again yet: " + place.trouble;
    } else {
      spdlog::warn("{}: the port is there again", name);
    }
    place.again = now + kAgain;
  }
}

bool OwnPorts::has(unsigned ifindex) const {
  return std::ranges::any_of(places_, [&](const auto& item) {
    return item.second.port != nullptr && item.second.port->path().device().ifindex() == ifindex;
  });
}

std::vector<engine::OwnPort*> OwnPorts::all() const {
  std::vector<engine::OwnPort*> ports;
  for (const auto& [name, place] : places_)
    if (place.port != nullptr) ports.push_back(place.port.get());
  return ports;
}

std::vector<std::string> OwnPorts::troubles() const {
  std::vector<std::string> troubles;
  for (const auto& [name, place] : places_)
    if (!place.trouble.empty()) troubles.push_back(place.trouble);
  return troubles;
}

}  // namespace tandem::dataplane
