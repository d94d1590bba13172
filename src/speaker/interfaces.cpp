// SPDX-License-Identifier: Apache-2.0
#include "speaker/interfaces.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "engine/rx_queues.hpp"
#include "speaker/aside.hpp"

namespace tandem::speaker {
namespace {

constexpr Duration kBetweenTries = std::chrono::seconds(5);  // to attach a program

// Has frames to this router's group and virtual MAC come in.
Result<void> let_in(engine::PacketSocket& socket, const PlannedRouter& router) {
  if (router.config.unicast_peers.empty())
    if (auto joined = socket.join(router.config.multicast_group()); !joined) return joined;
  if (!router.endpoint.virtual_mac) return {};
  return socket.accept_mac(virtual_mac(router.config.family, router.config.vrid));
}

}  // namespace

Result<Placement> place(const config::Interface& interface, const netlink::Links& links) {
  const auto host = links.find(interface.name);
  if (!host)
    return fail("interface '" + interface.name + "' does not exist, expected one of this node's");
  Placement p;
  if (!interface.device.empty() && !interface.has_own_port()) {
    const auto device = links.find(interface.device);
    if (!device)
      return fail("device '" + interface.device + "' of interface '" + interface.name +
                  "' does not exist");
    p.device = device->ifindex;
    p.device_name = device->name;
    std::ranges::copy(interface.vlan, p.vlan.begin());
    return p;
  }
  const auto bottom = links.bottom(interface.name);
  if (!bottom) return std::unexpected(bottom.error());
  if (bottom->tags.size() > p.vlan.size())
    return fail("interface '" + interface.name + "' is behind " +
                std::to_string(bottom->tags.size()) + " VLAN tags, expected two at most");
  p.device = bottom->ifindex;
  p.device_name = bottom->name;
  for (std::size_t i = 0; i < bottom->tags.size(); i++) p.vlan[i] = bottom->tags[i].id;
  if (!interface.vlan.empty()) std::ranges::copy(interface.vlan, p.vlan.begin());
  return p;
}

Interfaces::Interfaces(netlink::Links& links, engine::SteeringProgram& program,
                       dataplane::DataPlane& plane, VrrpCommands& vrrp, Log log)
    : links_(links), program_(program), plane_(plane), vrrp_(vrrp), log_(std::move(log)) {}

Result<void> Interfaces::apply(const std::vector<config::Interface>& interfaces,
                               const std::vector<PlannedRouter>& routers, const Numbers& numbers) {
  if (auto opened = plane_.open_ports(interfaces); !opened) return opened;
  if (auto seen = links_.process(); !seen) return seen;  // the interfaces of those ports
  std::vector<InterfaceState> next;
  for (const auto& config : interfaces) {
    const auto known = std::ranges::find_if(
        interfaces_, [&](const auto& s) { return s.config.name == config.name; });
    InterfaceState state = known != interfaces_.end() ? *known : InterfaceState{};
    state.config = config;
    state.number = *numbers.links.find(config.name);
    state.present = false;  // look again: the device or the tags may have changed
    next.push_back(state);
  }
  for (const auto& old : interfaces_) gone_.push_back(old.number);
  for (const auto& state : next) std::erase(gone_, state.number);
  std::swap(interfaces_, next);
  for (auto& state : interfaces_) {
    refresh(state, routers);
    if (state.present && !state.attached) return fail(state.config.name + ": " + state.trouble);
  }
  see_host(routers);
  return {};
}

void Interfaces::let_go() {
  for (const auto number : gone_)
    vrrp_.post([number, link = std::make_shared<VrrpLink>()](
                   VrrpDriver& driver, MonotonicTime now) { driver.set_link(number, *link, now); });
  gone_.clear();
  std::set<int> wanted;
  for (const auto& state : interfaces_) wanted.insert(state.placement.device);
  std::erase_if(devices_, [&](const auto& device) {
    if (wanted.contains(device.first)) return false;
    forget(device.first);
    return true;
  });
  std::vector<config::Interface> all;
  for (const auto& state : interfaces_) all.push_back(state.config);
  plane_.close_ports(all);
}

// The device may be gone: then its ifindex is nobody's, or will be another one's.
void Interfaces::forget(int ifindex) {
  program_.detach(static_cast<unsigned>(ifindex));
  plane_.release(static_cast<unsigned>(ifindex));
}

void Interfaces::forget_devices_that_are_gone() {
  const auto is_gone = [this](const auto& device) { return !links_.find(device.first); };
  std::erase_if(devices_, [&](const auto& device) {
    if (!is_gone(device)) return false;
    forget(device.first);
    return true;
  });
  std::erase_if(ups_, is_gone);
}

// How often the device, or ports of a bond, came up whose driver forgets the program then. vmxnet3 (seen
// with Linux 6.12) goes on to show the program of a device that was set down and up, but runs it no more.
unsigned Interfaces::deaf_ups(int ifindex) {
  unsigned ups = 0;
  const auto add = [&](int device, const std::string& name, bool up) {
    if (engine::driver_of(name) == "vmxnet3") ups += ups_of(device, up);
  };
  const auto link = links_.find(ifindex);
  if (!link) return 0;
  add(ifindex, link->name, link->up);
  if (link->is_bond)
    for (const auto& port : links_.ports_of(ifindex)) add(port.ifindex, port.name, port.up);
  return ups;
}

void Interfaces::forget_deaf_devices() {
  std::erase_if(devices_, [this](const auto& device) {
    const auto& [ifindex, attached] = device;
    if (attached.xdp.mode != engine::XdpMode::native || deaf_ups(ifindex) == attached.deaf_ups)
      return false;
    if (const auto link = links_.find(ifindex))
      log_(link->name + " came up: the steering program is attached anew, as its driver needs it");
    forget(ifindex);
    return true;
  });
}

bool Interfaces::keep_programs(const std::vector<PlannedRouter>& routers, MonotonicTime now) {
  bool all_there = true;
  for (auto& state : interfaces_) {
    if (!state.present) continue;
    if (!state.attached) {
      all_there = all_there && now < state.retry_at;
      continue;
    }
    std::string said;
    const int device = state.placement.device;
    const bool there =
        devices_.contains(device) &&
        program_.restore(static_cast<unsigned>(device), state.placement.device_name, said);
    if (!said.empty()) log_("WARNING: " + said);
    if (there) continue;
    if (devices_.contains(device)) forget(device);
    devices_.erase(device);
    state.attached = all_there = false;
    state.trouble = said;
    tell(state, routers);  // it hears nothing: before anything takes its time
  }
  return all_there;
}

bool Interfaces::refresh(const std::vector<PlannedRouter>& routers) {
  bool changed = false;
  forget_devices_that_are_gone();
  forget_deaf_devices();
  for (auto& state : interfaces_) changed = refresh(state, routers) || changed;
  return see_host(routers) || changed;
}

// true: it is another one.
bool Interfaces::see_host(const std::vector<PlannedRouter>& routers) {
  flow::SteeredHost host;
  std::set<int> devices;
  for (const auto& state : interfaces_)
    if (state.present) devices.insert(state.placement.device);
  for (const int device : devices)
    for (const auto& mac : links_.macs_on(device))
      host.macs.push_back({static_cast<std::uint32_t>(device), mac});
  std::set<IpAddress> own = links_.own_addresses();
  for (const auto& r : routers)
    for (const auto& address : r.settings.addresses) own.erase(address);
  host.addresses.assign(own.begin(), own.end());
  if (own.size() > TD_MAX_OWN && host.addresses != host_.addresses)
    log_("WARNING: this node has " + std::to_string(own.size()) +
         " addresses of its own; of those "
         "over " +
         std::to_string(TD_MAX_OWN) + " it takes packets as if they were clients'");
  const bool changed = host != host_;
  host_ = std::move(host);
  return changed;
}

// true: something that steering depends on changed.
bool Interfaces::refresh(InterfaceState& state, const std::vector<PlannedRouter>& routers) {
  const InterfaceState before = state;
  const auto placement = place(state.config, links_);
  const auto host = links_.find(state.config.name);
  state.present = placement && host;
  if (!state.present) {
    state.up = state.attached = false;
    state.trouble = placement ? state.config.name + " does not exist" : placement.error().message;
    if (before.trouble != state.trouble) log_("WARNING: " + state.trouble);
  } else {
    const auto device = links_.find(placement->device);
    state.placement = *placement;
    state.host = host->ifindex;
    state.mac = host->mac;
    state.up = host->up && device && device->up && plane_.can_forward();
    state.source_v4 = host->primary_v4.value_or(IpAddress{});
    state.source_v6 = host->link_local_v6.value_or(IpAddress{});
    const auto attached = attach(state);
    state.trouble = attached ? "" : attached.error().message;
    state.retry_at = attached ? kNever : MonotonicClock::now() + kBetweenTries;
    if (!attached && before.trouble != state.trouble) log_("WARNING: " + state.trouble);
    state.ups = ups_of(placement->device, device && device->up);
    see_ports(state);
  }
  const bool moved = before.present != state.present || before.mac != state.mac ||
                     before.host != state.host || before.attached != state.attached ||
                     before.placement.device != state.placement.device ||
                     before.placement.vlan != state.placement.vlan;
  if (moved || before.up != state.up || before.source_v4 != state.source_v4 ||
      before.source_v6 != state.source_v6)
    tell(state, routers);
  return moved;
}

Result<engine::XdpAttachment> Interfaces::put_program_on(unsigned ifindex,
                                                         const InterfaceState& state) {
  const std::string& name = state.placement.device_name;
  auto workers = plane_.prepare(ifindex, name, [&] { return program_.clear(ifindex, name); });
  if (!workers) return std::unexpected(workers.error());
  const auto link = links_.find(static_cast<int>(ifindex));
  if (link && link->is_bond && workers->sockets >= 0) {
    plane_.release(ifindex);
    return fail(name + " is a bond: AF_XDP, and so the dpdk engine, works on its ports only");
  }
  const auto load = [&] { return program_.attach(ifindex, name, state.config.xdp_mode, *workers); };
  auto attached = meanwhile_ ? aside(load, meanwhile_) : load();
  if (!attached) plane_.release(ifindex);
  return attached;
}

Result<void> Interfaces::attach(InterfaceState& state) {
  const int device = state.placement.device;
  state.attached = devices_.contains(device);
  if (!state.attached) {
    auto claim =
        engine::DeviceClaim::take(static_cast<unsigned>(device), state.placement.device_name);
    if (!claim) return std::unexpected(claim.error());
    auto attached = put_program_on(static_cast<unsigned>(device), state);
    if (!attached) return std::unexpected(attached.error());
    devices_[device] = {*attached, std::move(*claim), deaf_ups(device)};
    state.attached = true;
  }
  state.xdp = devices_[device].xdp;
  return {};
}

unsigned Interfaces::ups_of(int ifindex, bool up) {
  Ups& ups = ups_[ifindex];
  if (up && !ups.up) ups.count++;
  ups.up = up;
  return ups.count;
}

void Interfaces::see_ports(InterfaceState& state) {
  state.ports.clear();
  state.has_ports = false;
  if (!state.attached) return;
  const auto link = links_.find(state.placement.device);
  state.has_ports = state.xdp.mode == engine::XdpMode::native && link && link->is_bond;
  std::vector<netlink::BondPort> found;
  if (state.has_ports) found = links_.ports_of(state.placement.device);
  std::vector<engine::BondPort> ports;
  for (const auto& port : found)
    ports.push_back({static_cast<std::uint32_t>(port.ifindex), port.name, port.is_asleep});
  program_.set_ports(static_cast<unsigned>(state.placement.device), ports);
  for (const auto& port : found) {
    const auto ifindex = static_cast<unsigned>(port.ifindex);
    state.ports.push_back(
        {ifindex, port.name, program_.xsks_fd(ifindex), ups_of(port.ifindex, port.up)});
  }
}

void Interfaces::level_modes() {
  const bool any_generic = std::ranges::any_of(devices_, [](const auto& device) {
    return device.second.xdp.mode == engine::XdpMode::generic;
  });
  if (!any_generic) return;
  for (auto& state : interfaces_) {
    if (state.config.xdp_mode != config::XdpMode::automatic || !state.attached) continue;
    const auto ifindex = static_cast<unsigned>(state.placement.device);
    const std::string& name = state.placement.device_name;
    auto& attachment = devices_[state.placement.device].xdp;
    if (attachment.mode == engine::XdpMode::native) {
      log_("WARNING: " + name +
           " runs XDP in generic mode as well, since native XDP cannot send by the others");
      auto again = program_.attach(ifindex, name, engine::XdpMode::generic);
      if (!again) {
        log_(again.error().message);
        continue;
      }
      attachment = *again;
    }
    state.xdp = attachment;
    see_ports(state);
  }
}

std::vector<std::string> Interfaces::troubles() const {
  std::vector<std::string> troubles;
  for (const auto& s : interfaces_)
    if (!s.trouble.empty())
      troubles.push_back(s.trouble + "; the virtual routers of " + s.config.name + " are in Fault");
  const auto generic = std::ranges::find_if(interfaces_, [](const InterfaceState& s) {
    return s.attached && s.xdp.mode == engine::XdpMode::generic;
  });
  if (generic == interfaces_.end()) return troubles;
  for (const auto& s : interfaces_)
    if (s.attached && s.xdp.mode == engine::XdpMode::native)
      troubles.push_back("XDP is native on " + s.placement.device_name + " and generic on " +
                         generic->placement.device_name +
                         ": what is forwarded from the one to the other may be lost; set one "
                         "xdp_mode for both");
  return troubles;
}

void Interfaces::tell(const InterfaceState& state, const std::vector<PlannedRouter>& routers) {
  auto link = std::make_shared<VrrpLink>();
  link->device = static_cast<std::uint32_t>(state.placement.device);
  link->vlan = state.placement.vlan;
  link->mac = state.mac;
  link->source_v4 = state.source_v4;
  link->source_v6 = state.source_v6;
  if (state.present) {
    auto socket = engine::PacketSocket::open(static_cast<unsigned>(state.placement.device),
                                             static_cast<unsigned>(state.host), state.config.name);
    if (!socket) {
      log_(socket.error().message);
    } else {
      link->socket = std::move(*socket);
      join_groups(*link, state, routers);
    }
  }
  link->present = link->socket.has_value();
  // Without the program on the device no lease means anything: better Fault than ungated.
  link->usable = link->present && state.attached && state.up;
  vrrp_.post([number = state.number, link](VrrpDriver& driver, MonotonicTime now) {
    driver.set_link(number, *link, now);
  });
}

// Trouble with one family's group leaves that family without a source, and so in Fault; the other
// one goes on. IPv6 is gone altogether where the MTU is below 1280. An address that comes back is
// told anew.
void Interfaces::join_groups(VrrpLink& link, const InterfaceState& state,
                             const std::vector<PlannedRouter>& routers) const {
  for (const auto& router : routers) {
    if (router.config.interface != state.config.name) continue;
    IpAddress& source = router.config.family == Family::ipv4 ? link.source_v4 : link.source_v6;
    if (source.is_unspecified() && !router.config.unicast_source) continue;
    if (const auto let = let_in(*link.socket, router); !let) {
      log_(let.error().message);
      source = {};
    }
  }
}

const InterfaceState* Interfaces::find(const std::string& name) const {
  const auto it =
      std::ranges::find_if(interfaces_, [&](const auto& s) { return s.config.name == name; });
  return it == interfaces_.end() ? nullptr : &*it;
}

}  // namespace tandem::speaker
