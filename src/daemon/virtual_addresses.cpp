// SPDX-License-Identifier: Apache-2.0
#include "daemon/virtual_addresses.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "vrrp/priority.hpp"

namespace tandem::daemon {
namespace {

// So many addresses put back in so long a time: somebody does it on purpose.
constexpr std::size_t kFights = 3;
constexpr Duration kLately = std::chrono::minutes(1);

void log_trouble(const std::string& name, const Result<void>& done) {
  if (!done) spdlog::error("{}: {}", name, done.error().message);
}

}  // namespace

Result<std::unique_ptr<VirtualAddresses>> VirtualAddresses::open(boost::asio::io_context& loop,
                                                                 const config::Config& config,
                                                                 observe::EventLog& events) {
  auto addresses = netlink::Addresses::open(netlink::protocol_number(config.node.bpffs));
  if (!addresses) return std::unexpected(addresses.error());
  return std::unique_ptr<VirtualAddresses>(
      new VirtualAddresses(loop, std::move(*addresses), events));
}

VirtualAddresses::VirtualAddresses(boost::asio::io_context& loop, netlink::Addresses addresses,
                                   observe::EventLog& events)
    : events_(events),
      addresses_(std::move(addresses)),
      due_(loop, [this] { keep(); }),
      changed_(loop, addresses_.fd(), [this] { keep(); }) {
  addresses_.on_restore([this](const netlink::DeviceAddress& a, const Result<void>& outcome) {
    const std::string what = outcome ? "put back" : outcome.error().message;
    spdlog::warn("{} on {}: {}", a.prefix.to_string(), a.device, what);
    lately_.push_back({a.prefix.to_string() + " on " + a.device, MonotonicClock::now()});
    if (lately_.size() > kFights) lately_.pop_front();
    events_.add(observe::AddressEvent{a.device, a.prefix.to_string(), what});
  });
}

void VirtualAddresses::keep() {
  addresses_.process(MonotonicClock::now());
  due_.set(addresses_.next_deadline());
}

std::vector<std::string> VirtualAddresses::troubles(MonotonicTime now) const {
  if (lately_.size() < kFights || now - lately_.front().at > kLately) return {};
  return {"something on this node removes " + lately_.back().what +
          " time and again, and tandemd puts it back: keep NetworkManager, systemd-networkd or a "
          "script off it (docs/troubleshooting.md)"};
}

void VirtualAddresses::note_real(const config::Config& config, const speaker::Plan& running) {
  std::set<IpAddress> present = addresses_.of_others();  // what a crash left is not the node's own
  for (const auto& r : running.routers)
    for (const auto& address : r.settings.addresses) present.erase(address);
  for (const auto& v : config.vrrp)
    if (v.priority == vrrp::kOwnerPriority)
      for (const auto& a : v.addresses)
        if (present.contains(a.prefix.address)) real_.insert(a.prefix.address);
}

// All but those that the address owner has anyway.
std::vector<netlink::DeviceAddress> VirtualAddresses::addresses_of(
    const config::Vrrp& router) const {
  std::vector<netlink::DeviceAddress> list;
  for (const auto& a : router.addresses)
    if (!real_.contains(a.prefix.address))
      list.push_back({a.device.empty() ? router.interface : a.device, a.prefix, a.label});
  return list;
}

Result<void> VirtualAddresses::sweep(const config::Config& config,
                                     const std::set<IpAddress>& kept) {
  std::vector<netlink::DeviceAddress> leftovers;
  for (const auto& v : config.vrrp)
    std::ranges::copy(addresses_of(v), std::back_inserter(leftovers));
  return addresses_.sweep(leftovers, kept);
}

void VirtualAddresses::remove_all() {
  log_trouble("addresses", addresses_.sweep({}));
}

void VirtualAddresses::install(const speaker::PlannedRouter& r) {
  log_trouble(r.config.name, addresses_.install(speaker::router_key(r.config),
                                                addresses_of(r.config), MonotonicClock::now()));
  due_.set(addresses_.next_deadline());
}

void VirtualAddresses::remove(const speaker::PlannedRouter& r) {
  log_trouble(r.config.name, addresses_.remove(speaker::router_key(r.config)));
}

void VirtualAddresses::install(const config::Interface& interface) {
  std::vector<netlink::DeviceAddress> wanted;
  for (const auto& prefix : interface.addresses) wanted.push_back({interface.name, prefix, {}});
  log_trouble(interface.name, addresses_.install(speaker::tracked_interface(interface.name), wanted,
                                                 MonotonicClock::now()));
}

void VirtualAddresses::remove(const config::Interface& interface) {
  log_trouble(interface.name, addresses_.remove(speaker::tracked_interface(interface.name)));
}

}  // namespace tandem::daemon
